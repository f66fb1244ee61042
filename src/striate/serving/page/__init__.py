"""The page at ``/``: one HTML file that holds all it shows, made once when the service starts."""
