"""What every position of every feature map sees of the image, exactly along the graph."""
