"""The page where people try a run: compressed and original generator in the browser, side by side."""
