"""Why a second of a video may read wrong: for each cause a measure per second, a limit, and a sentence that a person understands.

evidence.py gathers what the causes are measured on while a face is preprocessed; pulse.py, light.py, recording.py and frozen.py
measure; known.py lists the causes with their limits; findings.py holds what was measured, and says which causes hold.
"""
