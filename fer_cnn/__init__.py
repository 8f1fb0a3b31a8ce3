"""Deep family: Keras CNNs, their recipes, training, and export to ONNX."""
