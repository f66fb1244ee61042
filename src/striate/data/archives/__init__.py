"""Archives of images: unpacked once into the cache, or read where they are."""
