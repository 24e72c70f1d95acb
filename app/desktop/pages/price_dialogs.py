"""Dialogs about prices: one of a person's own, and a fetched table that needs a look."""

from collections.abc import Callable
from decimal import Decimal

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFormLayout, QLineEdit, QWidget

from app.core.errors import InvalidInput
from app.core.providers import PROVIDERS
from app.core.tags import clean_label
from app.core.wording import counted
from app.desktop.commands import Commands
from app.desktop.fonts import Size
from app.desktop.models.rows import Column, Rows
from app.desktop.pages.key_dialogs import KeyDialog, form_layout
from app.desktop.pages.provider_key_dialogs import WorkingDialog
from app.desktop.widgets.choice import Choice
from app.desktop.widgets.table import Table
from app.desktop.widgets.text import Text
from app.pricing.overrides import ANY, PriceOverride, Rates
from app.pricing.review import Concern
from app.pricing.wording import rate_usd
from app.services.own_prices import parse_factor, parse_rate
from app.services.price_list import PriceLine
from app.services.price_updates import Update

CONCERNS_WIDTH = 680
CONCERNS_HEIGHT = 260
_RATES, _FACTOR, _FREE = "Dollars for a million tokens", "A factor on the table", "Free, a server of my own"


class OwnPriceDialog(WorkingDialog):
    """A price of one's own. `was_set` tells it once the ledger has it."""

    was_set = Signal(object)

    def __init__(self, commands: Commands, line: PriceLine | None, parent: QWidget) -> None:
        super().__init__("Set your own price", parent)
        self._commands = commands
        self.provider, self.model, self.kind = Choice(), QLineEdit(), Choice()
        self.given, self.made = _amount("In"), _amount("Out")
        self.cached, self.written = _amount("Cached"), _amount("Write")
        self.factor = _amount("Factor")
        self._form = form_layout()
        self._lay_out()
        if line is not None:
            self._fill(line)
        self.kind.activated.connect(self._show_fields)
        self._show_fields()
        self.save_button = self.add_buttons("Set price", "primary")
        self.save_button.setDefault(True)

    def submit(self) -> None:
        """Set it; the dialog closes when the ledger has it."""
        self.error.clear()
        provider, model = self.provider.currentData(), clean_label(self.model.text()) or ANY
        try:
            rates, factor = self._terms()
            if (provider, model) == (ANY, ANY) and (factor is None or not factor):
                raise InvalidInput("Which calls", "Name a model, or choose a provider.")
        except InvalidInput as error:
            self.error.tell(error)
            return
        self.begin("The price is being set")
        self._commands.prices.set_own(provider, model, rates, factor, self._set, self.end_badly)

    def _terms(self) -> tuple[Rates | None, Decimal | None]:
        """Rates or a factor, the other None."""
        if self.kind.currentText() == _FREE:
            return None, Decimal(0)
        if self.kind.currentText() == _FACTOR:
            return None, parse_factor(self.factor.text())
        if not self.given.text().strip() or not self.made.text().strip():
            raise InvalidInput("Half a price", "Give both In and Out.")
        optional = (parse_rate(field.text()) if field.text().strip() else None for field in (self.cached, self.written))
        return Rates(parse_rate(self.given.text()), parse_rate(self.made.text()), *optional), None

    def _set(self, override: PriceOverride) -> None:
        self.accept()
        self.was_set.emit(override)

    def _fill(self, line: PriceLine) -> None:
        """Begin with a line of the list; its amounts where they are a person's own."""
        place = self.provider.findData(line.provider)
        self.provider.setCurrentIndex(max(0, place))
        self.model.setText("" if line.model == ANY else line.model)
        override = line.override
        if override is None or override.rates is not None:
            amounts = line.amounts
            pairs = ((self.given, amounts.given), (self.cached, amounts.cached))
            for field, amount in (*pairs, (self.written, amounts.written), (self.made, amounts.made)):
                field.setText("" if amount is None else f"{amount:f}")
        else:
            self.kind.setCurrentText(_FREE if override.is_free else _FACTOR)
            self.factor.setText("" if override.is_free else f"{override.factor:f}")

    def _show_fields(self) -> None:
        """Only the fields of the chosen kind."""
        kind = self.kind.currentText()
        for field in (self.given, self.cached, self.written, self.made):
            self._form.setRowVisible(field, kind == _RATES)
        self._form.setRowVisible(self.factor, kind == _FACTOR)
        self.adjustSize()

    def _lay_out(self) -> None:
        self.provider.addItem("Every provider", ANY)
        for known in PROVIDERS:
            self.provider.addItem(known.title, known.name)
        for words in (_RATES, _FACTOR, _FREE):
            self.kind.addItem(words)
        self.provider.setAccessibleName("Provider of the price")
        self.model.setAccessibleName("Model of the price; * stands for any text")
        self.kind.setAccessibleName("Kind of price")
        rows: dict[str, QWidget] = {
            "Provider": self.provider, "Model": self.model, "Price": self.kind, "In $": self.given,
            "Cached $": self.cached, "Write $": self.written, "Out $": self.made, "Factor": self.factor,
        }  # fmt: skip
        for caption, field in rows.items():
            self._form.addRow(Text(caption, ink="text_2"), field)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.column.addLayout(self._form)
        self.add_hint("In a model’s name * stands for any text. Cached and Write cost as In does where they are empty.")
        self.add_hint("It counts for calls from now on, before the table, never over what a provider reports itself.")


class ConcernsDialog(KeyDialog):
    """A fetched table in which prices look wrong: taken only when a person says so."""

    def __init__(self, update: Update, accept: Callable[[], None], parent: QWidget) -> None:
        super().__init__("These prices need a look", parent)
        self.setFixedWidth(CONCERNS_WIDTH)
        count = counted(len(update.concerns), "model")
        said = f"{count} would cost far less, nothing at all, or have no price any more. Nothing was changed yet."
        self.column.addWidget(Text(said, ink="text_2", wraps=True))
        rows: Rows[Concern] = Rows(_concern_columns(), lambda concern: (concern.provider, concern.model))
        rows.update(update.concerns)
        self.table = Table(rows, name="Prices that look wrong")
        self.table.setFixedHeight(CONCERNS_HEIGHT)
        self.column.addWidget(self.table)
        caps = "Prices decide what caps stop."
        self.column.addWidget(Text(caps, ink="text_3", size=Size.CAPTION))
        self.take_button = self.add_buttons("Use them all the same", "destructive")
        self.take_button.setAutoDefault(False)
        self.accepted.connect(accept)


def _concern_columns() -> list[Column[Concern]]:
    return [
        Column(
            "Model", lambda one: one.model, ink="text", is_strong=True, grows=True, gives_way=True,
            hint=lambda one: one.model,
        ),
        Column("Provider", lambda one: one.provider, gives_way=True),
        Column("In and out before", lambda one: _both(one.before), is_amount=True),
        Column("In and out after", lambda one: _both(one.after), is_amount=True, ink="text"),
        Column("Why", lambda one: one.doubt.capitalize()),
    ]  # fmt: skip


def _both(prices: tuple[Decimal | None, ...]) -> str:
    return " / ".join(rate_usd(price) for price in prices)


def _amount(name: str) -> QLineEdit:
    field = QLineEdit()
    field.setAccessibleName(f"{name} of the price")
    return field
