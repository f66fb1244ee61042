"""Why a network predicts what it predicts: where an image speaks for a class, or moves a number.

`explainer.py` chooses among three ways: CAM and Grad-CAM follow the network's own graph from its
last feature map to the class or number (`last_map.py`, `gradients.py`); occlusion covers the image
part by part and asks again, of whatever answers (`occlusion.py`).
"""
