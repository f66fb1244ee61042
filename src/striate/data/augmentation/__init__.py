"""What is done at random to training images: crops, colours, erasing, mixing."""
