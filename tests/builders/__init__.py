"""Worlds that tests share, each in one module: how it is made, and what is special in it.

    music_world    tracks, plays and factors with known tastes, no audio        recommending, evaluating, serving
    sound_world    spectrograms that determine the factors                      training
    audio_world    audible songs, taken through every command up to a model     command line, pages, report
    study_world    the music world with audio for the cold tracks               listening tests

Session fixtures of tests/conftest.py build each once for all processes of a run; see shared.py.
"""
