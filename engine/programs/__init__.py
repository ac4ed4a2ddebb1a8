"""Programs: captured steps on the CPU. A step is recorded, cleaned, written as a function of straight-line code, and replayed.

reach.py: what a step's Python code reads. recording.py: one run on recorded arrays (see dlengine.recording). cleaning.py and
fusion.py: fewer calls. arranging.py: weights put in order once. emitting.py: the function. program.py: guards and replays.
step.py: which program answers a call. report.py: tables and pictures. Users come here by dlengine.training.capture.
"""
