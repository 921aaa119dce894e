"""What Streamlit holds in memory of files that a session has sent, bounded."""

HELD = 512 * 2**20  # bytes of one session's files in the server's memory: a form has two, of 200 MB at most


def bound_memory(manager, most: int = HELD):
    """Streamlit holds what a session has sent in memory until the session ends, also files that no field of
    the page shows: beyond `most` bytes its oldest ones go."""
    add_file = manager.add_file

    def bounded(session_id, file):
        add_file(session_id, file)
        held = list(manager.file_storage.get(session_id, {}).values())
        size = sum(len(one.data) for one in held)
        for oldest in held[:-1]:
            if size > most:
                manager.remove_file(session_id, oldest.file_id)
                size -= len(oldest.data)

    manager.add_file = bounded
