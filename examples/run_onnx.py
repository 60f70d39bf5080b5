"""Use what mggc export --to onnx wrote: ``python run_onnx.py generator.onnx input.png output.png``."""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image

model, source, target = sys.argv[1:4]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
expected = json.loads(session.get_modelmeta().custom_metadata_map["input"])
picture = np.asarray(Image.open(source).convert("L" if expected["channels"] == "grey" else "RGB"))
images = picture.reshape(1, *picture.shape[:2], -1)  # [batch, height, width, channels], uint8
if expected["type"] == "float32":  # [batch, channels, height, width], -1 to 1
    images = images.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
(output,) = session.run(None, {expected["name"]: images})
if expected["type"] == "float32":
    output = ((output + 1) * 127.5).round().clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
Image.fromarray(output[0].squeeze(2) if output.shape[3] == 1 else output[0]).save(target)
