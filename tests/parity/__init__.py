"""Our front end and network against Keras, the library the thesis was written in, here on the torch backend.

Keras reads its backend once, when it is first imported.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")
