"""The site's mathematical font: the signs of Latin Modern Math that a lesson needs, and no more.

Latin Modern Math lies in Debian's package fonts-lmodern, among others. To make the font again:

    pip install fonttools brotli
    python chapters/assets/fonts/make.py latinmodern-math.otf
"""

import sys
from pathlib import Path

from fontTools import subset

NAME = "Companion Math"
SIGNS = (
    "¬±·×÷ˆ˜¯˙\u0302\u0303\u0304\u0307\u20d7–—‖…′″←↑→↓↔↦⇐⇒⇔∀∂∃∅∇∈∉∋∏∑−∓∖∗∘√∝∞∣∥∧∨∩∪∫∼≃≅≈≔≜≠≡≤≥≪≫"
    "⊂⊃⊆⊇⊕⊖⊗⊙⊤⊥⋅⋆⋮⋯⋱⌈⌉⌊⌋⏞⏟⟨⟩ℓ"
)
RANGES = (
    (0x20, 0x7E),
    (0xA0, 0xA0),
    (0x391, 0x3F5),
    (0x2061, 0x2064),
    (0x1D400, 0x1D467),  # bold, italic
    (0x1D49C, 0x1D4CF),  # script
    (0x1D538, 0x1D56B),  # double-struck
    (0x1D6E2, 0x1D71B),  # italic Greek
    (0x1D7CE, 0x1D7D7),  # bold figures
)
# Letters of those alphabets that Unicode had before.
LETTERS = "ℎℂℍℕℙℚℝℤℬℰℱℋℐℒℳℛ"


def main(source: str) -> None:
    """Write the font beside this file.

    Args:
        source: The file latinmodern-math.otf.
    """
    options = subset.Options(
        flavor="woff2",
        layout_features=[],
        hinting=False,
        glyph_names=False,
        notdef_outline=True,
        name_IDs=[0, 1, 2, 4, 6, 13, 14],
    )
    options.drop_tables += ["FFTM", "GDEF", "GPOS", "GSUB"]
    font = subset.load_font(source, options)
    for table in font["cmap"].tables:
        if 0x2032 in table.cmap:
            # The prime is drawn for a superscript, which browsers do not ask for by themselves.
            table.cmap[0x2032] = "minute.st"
    cutter = subset.Subsetter(options)
    cutter.populate(
        text=SIGNS + LETTERS,
        unicodes=[code for first, last in RANGES for code in range(first, last + 1)],
    )
    cutter.subset(font)
    for record in font["name"].names:
        if record.nameID in (1, 4, 6):
            record.string = NAME.replace(" ", "") if record.nameID == 6 else NAME
    subset.save_font(font, str(Path(__file__).with_name("companion-math.woff2")), options)


if __name__ == "__main__":
    main(*sys.argv[1:])
