"""Features cached on disk by the content of the image, with the comparisons of heads."""
