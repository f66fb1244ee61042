"""Tables that say what each image is: which columns tell it, and the images that they list."""
