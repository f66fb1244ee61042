"""Features kept on disk by the content of the image, and the notes beside them."""
