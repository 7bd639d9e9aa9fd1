"""Colours of all drawings: Okabe and Ito's colour-blind safe palette (2008).

Colour is never the only difference: lines differ in style, too, and words say what is wrong.
"""

ORANGE = "#E69F00"
BLUE = "#0072B2"
GREEN = "#009E73"
VERMILLION = "#D55E00"
GREY = "#6E6E6E"
