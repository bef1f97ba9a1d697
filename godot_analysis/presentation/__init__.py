"""From flows to pictures: sequences as SVG and text, plots. Nothing here computes what it shows."""
