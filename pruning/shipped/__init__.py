"""What pages show of the bundled networks at once: computed by a recorded command, and shipped beside the
weights.

    python -m pruning.shipped             computes what is missing or stale; what is finished is kept
    python -m pruning.shipped --verify    after a change of code that changes no value: a sample is compared

`questions` says what is asked and what an answer depends on, `store` finds shipped answers, `records` gives
them a form without pickle, `stamps` says what they were computed from, and `making` computes them.
"""
