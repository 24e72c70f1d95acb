"""The graph's columns: parts on top of one another with a pixel of ground between, and what is forecast, dashed."""

from typing import Any

import pyqtgraph
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QTransform

from app.desktop.models.rows import Swatch
from app.desktop.models.spend_view import Bucket, SpendView
from app.desktop.tokens import Tokens
from app.desktop.widgets.swatches import colour_of

_WIDTH = 0.66
_MOST_PIXELS = 64
_FORECAST = Swatch("bar", 0.09)
_FORECAST_EDGE = Swatch("bar", 0.45)


class SpendColumns(pyqtgraph.GraphicsObject):  # type: ignore[misc]
    """One item for all columns, painted on whole pixels."""

    def __init__(self, view: SpendView, tokens: Tokens) -> None:
        super().__init__()
        self._view = view
        self._inks = [colour_of(one.swatch, tokens) for one in view.series]
        self._fill, self._edge = colour_of(_FORECAST, tokens), colour_of(_FORECAST_EDGE, tokens)

    def boundingRect(self) -> QRectF:
        """All columns, as high as the highest."""
        return QRectF(-0.5, 0, max(1, len(self._view.buckets)), max(1, self._view.highest_nano_usd))

    def paint(self, painter: QPainter, *_ignored: Any) -> None:
        """Paint them: amounts are mapped to pixels here, so that no edge is blurred."""
        place = painter.worldTransform()
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for number, bucket in enumerate(self._view.buckets):
            if bucket.nano_usd or bucket.forecast_nano_usd:
                self._paint_column(painter, place, number, bucket)
        painter.restore()

    def _paint_column(self, painter: QPainter, place: QTransform, number: int, bucket: Bucket) -> None:
        left, right = (place.map(QPointF(number + side * _WIDTH / 2, 0)).x() for side in (-1, 1))
        spare = max(0.0, right - left - _MOST_PIXELS) / 2
        left, width = round(left + spare), max(1, round(right - left - 2 * spare))

        def height_of(nano_usd: int) -> int:
            return round(place.map(QPointF(0, nano_usd)).y())

        so_far, bottom = 0, height_of(0)
        for ink, part in zip(self._inks, bucket.parts, strict=True):
            if not part:
                continue
            so_far += part
            top = min(height_of(so_far), bottom - 1) if bottom == height_of(0) else height_of(so_far)
            painter.fillRect(left, top, width, bottom - top, ink)
            bottom = top - 1 if bottom - top > 1 else top
        if bucket.forecast_nano_usd:
            self._paint_forecast(painter, left, height_of(so_far + bucket.forecast_nano_usd), width, bottom)

    def _paint_forecast(self, painter: QPainter, left: int, top: int, width: int, bottom: int) -> None:
        if bottom - top < 2:
            return
        painter.fillRect(left, top, width, bottom - top, self._fill)
        pen = QPen(QColor(self._edge), 1, Qt.PenStyle.CustomDashLine)
        pen.setDashPattern([2, 2])
        pen.setCosmetic(True)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(left, top, width - 1, bottom - top - 1)
