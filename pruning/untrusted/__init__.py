"""Files that nobody vouches for: what they declare is checked before anything is read by it."""
