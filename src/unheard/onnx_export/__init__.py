"""Trained models as ONNX files, for programs without unheard and without PyTorch."""
