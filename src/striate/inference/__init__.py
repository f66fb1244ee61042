"""From images to answers: what a trained network says about images that it is shown."""
