"""Drawing the images of `scenes`: digits among digits, over coloured backgrounds, with strokes and noise.

Everything is drawn for a whole batch at once, in float64, and rounded to pixels at the very end: what differs
between processors is the last bit of a sine, some 10^13 times smaller than the step that is rounded to.
"""

from dataclasses import dataclass

import numpy as np

SIDE = 32
FINE = 24  # glyphs are enlarged from 8 x 8 to this before they are turned and slanted
DOMAINS = ("red", "yellow", "green", "cyan", "blue", "magenta")  # colour of the largest digit
ACROSS, DOWN = np.meshgrid(
    np.arange(SIDE) + 0.5, np.arange(SIDE) + 0.5
)  # [32, 32] each: centres of the pixels


@dataclass(frozen=True, eq=False)
class Drawn:
    """images: uint8 [N, 32, 32, 3].   labels: int64 [N], which digit is the largest.   pixels: uint8 [N,
    32, 32], 0 where no digit is seen, else the digit + 1.   domain: int64 [N], index into DOMAINS.
    """

    images: np.ndarray
    labels: np.ndarray
    pixels: np.ndarray
    domain: np.ndarray


def draw(glyphs: np.ndarray, digits: np.ndarray, labels: np.ndarray, random: np.random.Generator) -> Drawn:
    """An image for each of `labels`.   glyphs: [G, 24, 24], ink 0 to 1.   digits: int64 [G], shown."""
    n = len(labels)
    canvas = background(n, random)
    pixels = np.zeros((n, SIDE, SIDE), np.uint8)
    large = Places.inside(random.uniform(17, 25, n), random, tilt=0.3, slant=0.3)
    others = random.integers(0, 3, n)  # beside the largest
    for nth in range(2):
        rows = np.flatnonzero(others > nth)
        chosen = random.integers(0, len(glyphs), len(rows))
        places = Places.inside(
            random.uniform(9, 15, len(rows)), random, tilt=0.5, slant=0.3, away=large.rows(rows)
        )
        paint_digit(canvas, pixels, rows, glyphs[chosen], digits[chosen], places, colours(len(rows), random))
    domain = random.integers(0, len(DOMAINS), n)
    chosen = np.array([random.choice(np.flatnonzero(digits == label)) for label in labels])
    paint_digit(canvas, pixels, np.arange(n), glyphs[chosen], labels, large, colours(n, random, domain))
    strokes = random.integers(0, 3, n)
    for nth in range(2):
        paint_strokes(canvas, pixels, np.flatnonzero(strokes > nth), random)
    canvas += random.uniform(0.01, 0.09, (n, 1, 1, 1)) * random.standard_normal(canvas.shape)
    images = np.clip(np.round(canvas * 255), 0, 255).astype(np.uint8)
    return Drawn(images, labels, pixels, domain)


def background(n: int, random: np.random.Generator) -> np.ndarray:
    """[n, 32, 32, 3], 0 to 1: smooth colours, coarse and fine; every second one with a sine texture."""
    coarse, fine = (smooth(random.uniform(-1, 1, (n, side, side, 3))) for side in (3, 8))
    weight = random.uniform(0.05, 0.3, (2, n, 1, 1, 1))
    canvas = random.uniform(0.2, 0.8, (n, 1, 1, 3)) + weight[0] * coarse + weight[1] * fine
    angle, waves, phase = (random.uniform(0, most, (n, 1, 1)) for most in (np.pi, 4, 2 * np.pi))
    along = np.cos(angle) * ACROSS + np.sin(angle) * DOWN  # [n, 32, 32], pixels
    wave = np.sin(2 * np.pi * (2 + waves) / SIDE * along + phase)[..., None]
    strength = random.uniform(-0.2, 0.2, (n, 1, 1, 3)) * (random.random((n, 1, 1, 1)) < 0.5)
    return np.clip(canvas + strength * wave, 0.02, 0.98)


def smooth(grid: np.ndarray) -> np.ndarray:
    """[n, s, s, c] -> [n, 32, 32, c], by cosine interpolation between the grid's points."""
    weights = interpolation(grid.shape[1], SIDE)
    return np.einsum("is,nstc,jt->nijc", weights, grid, weights, optimize=True)


def interpolation(points: int, pixels: int) -> np.ndarray:
    """[pixels, points]: how much of each point is in each pixel; rows sum to 1."""
    place = (np.arange(pixels) + 0.5) / pixels * (points - 1)
    left = np.floor(place).astype(int)
    right = (1 - np.cos(np.pi * (place - left))) / 2
    weights = np.zeros((pixels, points))
    weights[np.arange(pixels), left] = 1 - right
    weights[np.arange(pixels), left + 1] += right
    return weights


@dataclass(frozen=True, eq=False)
class Places:
    """Where digits lie: their middle and side in pixels, their tilt in radians, their slant; [n] each."""

    x: np.ndarray
    y: np.ndarray
    side: np.ndarray
    tilt: np.ndarray
    slant: np.ndarray

    @staticmethod
    def inside(side, random, *, tilt: float, slant: float, away: "Places | None" = None) -> "Places":
        """Random places within the image; with `away`, of three tries the one farthest from there."""
        n = len(side)
        tries = random.uniform(0, 1, (2, 3, n)) * (SIDE - side) + side / 2
        distance = 0 if away is None else (tries[0] - away.x) ** 2 + (tries[1] - away.y) ** 2
        best = np.argmax(np.broadcast_to(distance, (3, n)), axis=0)
        x, y = tries[:, best, np.arange(n)]
        return Places(x, y, side, random.uniform(-tilt, tilt, n), random.uniform(-slant, slant, n))

    def rows(self, rows: np.ndarray) -> "Places":
        return Places(*(part[rows] for part in (self.x, self.y, self.side, self.tilt, self.slant)))


def colours(n: int, random: np.random.Generator, domain: np.ndarray | None = None) -> np.ndarray:
    """[n, 12, 3] colours to choose from, 0 to 1; their hue within 15 degrees of the domain's, or any."""
    hue = (
        random.uniform(0, 6, (n, 12))
        if domain is None
        else domain[:, None] + random.uniform(-0.25, 0.25, (n, 12))
    )
    saturation, value = random.uniform(0.45, 1, (n, 12)), random.uniform(0.3, 1, (n, 12))
    ramps = np.stack([np.abs(hue % 6 - 3) - 1, 2 - np.abs(hue % 6 - 2), 2 - np.abs(hue % 6 - 4)], axis=-1)
    return value[..., None] * (1 - saturation[..., None] * (1 - np.clip(ramps, 0, 1)))


def paint_digit(canvas, pixels, rows, glyphs, digits, places: Places, choices) -> None:
    """Paints one digit into each of `rows`, in the first of its `choices` that stands out from what lies
    under it (distance 0.45 in RGB), else in the one that stands out most. Changes canvas and pixels.
    """
    ink = placed(glyphs, places)  # [n, 32, 32]
    under = np.einsum("nij,nijc->nc", ink, canvas[rows]) / (ink.sum((1, 2)) + 1e-9)[:, None]
    distance = np.sqrt(((choices - under[:, None]) ** 2).sum(-1))  # [n, 12]
    clear = distance > 0.45
    pick = np.where(clear.any(1), clear.argmax(1), distance.argmax(1))
    colour = choices[np.arange(len(rows)), pick][:, None, None]  # [n, 1, 1, 3]
    canvas[rows] += ink[..., None] * (colour - canvas[rows])
    pixels[rows] = np.where(ink > 0.5, digits[:, None, None].astype(np.uint8) + 1, pixels[rows])


def placed(glyphs: np.ndarray, places: Places) -> np.ndarray:
    """[n, 24, 24] -> [n, 32, 32]: each glyph turned, slanted, scaled and moved, sampled bilinearly."""
    x, y, side, tilt, slant = (
        part[:, None, None] for part in (places.x, places.y, places.side, places.tilt, places.slant)
    )
    right, down = ACROSS - x, DOWN - y
    turned_down = (np.cos(tilt) * down - np.sin(tilt) * right) / side
    turned_right = (np.cos(tilt) * right + np.sin(tilt) * down) / side + slant * turned_down
    column, row = ((part + 0.5) * FINE + 0.5 for part in (turned_right, turned_down))  # in the padded glyph
    padded = np.pad(glyphs, ((0, 0), (1, 1), (1, 1)))  # [n, 26, 26]: nothing beyond the edge
    column, row = np.clip(column, 0, FINE + 0.999), np.clip(row, 0, FINE + 0.999)
    left, top = column.astype(int), row.astype(int)
    start = np.arange(len(glyphs))[:, None, None] * (FINE + 2) ** 2 + top * (FINE + 2) + left
    column, row, flat = column - left, row - top, padded.ravel()
    above = flat[start] * (1 - column) + flat[start + 1] * column
    below = flat[start + FINE + 2] * (1 - column) + flat[start + FINE + 3] * column
    return above * (1 - row) + below * row


def paint_strokes(canvas, pixels, rows: np.ndarray, random: np.random.Generator) -> None:
    """Paints a straight stroke, 6 to 14 pixels long and about one wide, into each of `rows`."""
    n = len(rows)
    x, y, angle = (random.uniform(0, most, (n, 1, 1)) for most in (SIDE, SIDE, np.pi))
    half = random.uniform(3, 7, (n, 1, 1))
    along = np.clip(np.cos(angle) * (ACROSS - x) + np.sin(angle) * (DOWN - y), -half, half)
    distance = np.hypot(ACROSS - x - np.cos(angle) * along, DOWN - y - np.sin(angle) * along)
    ink = np.clip(1.2 - distance, 0, 1)
    canvas[rows] += ink[..., None] * (random.uniform(0, 1, (n, 1, 1, 3)) - canvas[rows])
    pixels[rows] = np.where(ink > 0.5, np.uint8(0), pixels[rows])
