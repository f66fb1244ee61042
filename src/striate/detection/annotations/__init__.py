"""Labelled boxes in the forms that people have: COCO JSON, YOLO text, VOC XML."""
