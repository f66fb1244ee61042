"""Which files are images, and which class and split each belongs to."""
