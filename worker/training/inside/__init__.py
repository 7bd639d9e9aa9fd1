"""Records at publish how to look inside a network: it compares Keras with the ONNX file and runs the file on pictures.

Not here: what is recorded (`worker.inside`), which the API reads without Keras.
"""
