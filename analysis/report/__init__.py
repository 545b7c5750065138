"""What is shown: figures, the page, the terminal."""
