"""From an image file to uint8 pixels, one reader a format, or the reason why not."""
