import pytest
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication

from app.desktop.models.ring_state import RingKind, RingState
from app.desktop.tokens import DARK_PANEL, LIGHT_PANEL
from app.desktop.widgets.ring import ICON_SIZES, ring_icon, ring_pixmap, stroke_width

SIZE = 32


def picture(state: RingState, size: int = SIZE) -> QImage:
    return ring_pixmap(size, state, DARK_PANEL).toImage()


def at(image: QImage, x: float, y: float) -> QColor:
    """The colour at a place given in shares of the size."""
    return image.pixelColor(int(x * image.width()), int(y * image.height()))


def on_ring(image: QImage, x: float, y: float) -> QColor:
    """The colour in the middle of the stroke, right (1, 0), left (-1, 0), up (0, -1) or down (0, 1) of the centre."""
    size = image.width()
    radius = size / 2 - size / 16 - stroke_width(size) / 2
    return image.pixelColor(int(size / 2 + x * radius - 0.01), int(size / 2 + y * radius - 0.01))


def test_the_arc_fills_clockwise_from_twelve(qapp: QApplication) -> None:
    image = picture(RingState(RingKind.FINE, 0.38))
    assert on_ring(image, 1, 0).alphaF() == pytest.approx(1.0, abs=0.05)
    assert on_ring(image, -1, 0).alphaF() == pytest.approx(0.32, abs=0.05)


@pytest.mark.parametrize(("kind", "colour"), [(RingKind.NEAR, DARK_PANEL.near), (RingKind.AT, DARK_PANEL.at)])
def test_near_and_at_are_in_their_colour(qapp: QApplication, kind: RingKind, colour: str) -> None:
    assert on_ring(picture(RingState(kind, 0.86)), 1, 0).name() == QColor(colour).name()


def test_each_state_has_a_shape_of_its_own(qapp: QApplication) -> None:
    centres = {kind: at(picture(RingState(kind, 0.5)), 0.5, 0.5).alphaF() for kind in RingKind}
    assert centres[RingKind.AT] == 1.0, "a minus"
    assert centres[RingKind.NO_CAP] == 1.0, "a point"
    assert centres[RingKind.PAUSED] == 0.0, "between two bars"
    assert at(picture(RingState(RingKind.PAUSED, 0.5)), 0.41, 0.5).alphaF() > 0.9, "a bar"
    assert 0.3 < centres[RingKind.DOWN] < 0.6, "the stroke, at half the ink"
    assert centres[RingKind.FINE] == centres[RingKind.UNKNOWN] == 0.0
    pictures = [picture(RingState(kind, 0.5)) for kind in RingKind]
    assert all(one != other for place, one in enumerate(pictures) for other in pictures[:place])


def test_somebody_asked_is_a_dot_cut_free_of_the_ring(qapp: QApplication) -> None:
    image = picture(RingState(RingKind.FINE, 1.0, is_asked=True), 64)
    assert at(image, 0.8, 0.8).name() == QColor(DARK_PANEL.asked).name()
    assert at(image, 0.66, 0.66).alphaF() < 1.0
    assert at(picture(RingState(RingKind.FINE, 1.0), 64), 0.8, 0.8).name() != QColor(DARK_PANEL.asked).name()


def test_an_icon_holds_every_size_painted_for_itself(qapp: QApplication) -> None:
    icon = ring_icon(RingState(RingKind.FINE, 0.4), LIGHT_PANEL)
    assert sorted(size.width() for size in icon.availableSizes()) == list(ICON_SIZES)


def test_the_stroke_is_as_designed() -> None:
    assert [stroke_width(size) for size in (16, 22, 32)] == [2.5, 3.0, 4.0]
