"""Names of what a version consists of: the files a trainer publishes, and the tensors of the exported network.

The trainer writes under these names and the API reads under them. Published versions have them, so they do not change.
`manifest.json` is the model store's own.
"""

ONNX_FILE = "model.onnx"
KERAS_FILE = "model.keras"

HISTORY_FILE = "history.json"
EVALUATION_FILE = "evaluation.json"
MISTAKES_FILE = "mistakes.json"
SUMMARY_FILE = "summary.txt"
DOCTOR_FILE = "doctor.json"
LAYERS_FILE = "layers.json"
TAILS_FILE = "tails.json"
FILM_FILE = "film.json"
TRUST_FILE = "trust.json"
DOUBTFUL_FILE = "doubtful-labels.json"
UNUSUAL_FILE = "unusual.onnx"
"""Scores how unusual pictures are: takes what `model.onnx` takes, and answers with `UNUSUAL_TENSOR`."""

LITERT_FILE = "model.tflite"
SAVED_MODEL_FILE = "saved_model.zip"
OPENVINO_FILE = "openvino.zip"

CURVES_PICTURE = "curves.png"
CONFUSION_MATRIX_PICTURE = "confusion-matrix.png"
CALIBRATION_PICTURE = "calibration.png"
PREDICTIONS_PICTURE = "predictions.png"
MISTAKES_PICTURE = "mistakes.png"
FILM_PICTURE = "film.png"
DOUBTFUL_PICTURE = "doubtful-labels.png"

INPUT_TENSOR = "images"
"""float32, shape (n, height, width, channels), values in [0, 1]."""
OUTPUT_TENSOR = "probabilities"
"""float32, shape (n, n_classes), rows sum to 1."""
UNUSUAL_TENSOR = "unusual"
"""float32, shape (n,): how unlike the training pictures each picture is; above 1 for 1 % of held-out pictures."""
USUAL_SCORES = "convserve.usual_scores"
"""Key of the metadata in `UNUSUAL_FILE`: scores of held-out pictures, at every twentieth of their distribution."""
