"""Dialogs about the providers' own keys: a new one, another in its place, whose calls use it, one that was found."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QPushButton, QWidget

from app.core.errors import AppError, InvalidInput
from app.core.provider_keys import MAX_LABEL_LENGTH, KeyName, ProviderKey, clean_key_label
from app.core.providers import PROVIDERS
from app.core.tags import Scope, clean_label
from app.desktop.commands import Commands
from app.desktop.fonts import Size
from app.desktop.models.key_columns import key_title
from app.desktop.pages.key_dialogs import KeyDialog, form_layout
from app.desktop.widgets.choice import Choice, Tick
from app.desktop.widgets.text import Text
from app.services.found_keys import FoundKey, Moved


class WorkingDialog(KeyDialog):
    """A dialog whose work takes a while: its button says why it waits, and it closes when the work went well."""

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(title, parent)
        self.save_button: QPushButton

    def begin(self, why: str) -> None:
        """Wait for the work."""
        self.error.clear()
        self.save_button.setEnabled(False)
        self.save_button.setToolTip(why)

    def end_badly(self, error: AppError) -> None:
        """Tell what went wrong; it can be tried again."""
        self.save_button.setEnabled(True)
        self.save_button.setToolTip("")
        self.error.tell(error)

    def add_hint(self, words: str) -> None:
        """A line under the fields."""
        self.column.addWidget(Text(words, ink="text_3", size=Size.CAPTION, wraps=True))


class ProviderKeyDialog(WorkingDialog):
    """A new key of a provider, which goes into the keyring and is never shown. `kept` tells its name."""

    kept = Signal(object)

    def __init__(self, commands: Commands, keys: tuple[ProviderKey, ...], parent: QWidget) -> None:
        super().__init__("Add provider key", parent)
        self._commands = commands
        self._taken = {key.name for key in keys}
        self.provider, self.label, self.key = Choice(), QLineEdit(), _key_field("Key of the provider")
        for known in PROVIDERS:
            self.provider.addItem(known.title, known.name)
        self.provider.setAccessibleName("Provider")
        self.label.setAccessibleName("Label of the key")
        self.label.setMaxLength(MAX_LABEL_LENGTH)
        form = form_layout()
        for caption, field in (("Provider", self.provider), ("Label", self.label), ("Key", self.key)):
            form.addRow(Text(caption, ink="text_2"), field)
        self.column.addLayout(form)
        self.add_hint("A label such as “team” tells several keys of one provider apart. The first needs none.")
        self.add_hint("The key goes into the system keyring, which may ask you to unlock it, and is then tested.")
        self.finished.connect(lambda _result: self.key.setText(""))  # the dialog lives as long as its page
        self.save_button = self.add_buttons("Keep key", "primary")
        self.save_button.setDefault(True)

    def submit(self) -> None:
        """Put it into the keyring; the dialog closes when it is in."""
        self.error.clear()
        try:
            name = KeyName(self.provider.currentData(), clean_key_label(self.label.text()))
        except InvalidInput as error:
            self.error.tell(error)
            return
        if not self.key.text().strip():
            self.error.tell(InvalidInput("No key", "Paste the key that the provider gave you."))
        elif name in self._taken:
            self.error.tell(InvalidInput("There is such a key", "Give this one another label, or replace that one."))
        else:
            self.begin("The keyring is asked")
            self._commands.keys.keep(name, self.key.text(), lambda: self._kept(name), self.end_badly)

    def _kept(self, name: KeyName) -> None:
        self.accept()
        self.kept.emit(name)


class ReplaceKeyDialog(WorkingDialog):
    """Another key in the place of one, once the provider takes it."""

    def __init__(self, commands: Commands, name: KeyName, parent: QWidget) -> None:
        super().__init__(f"Replace the key of {key_title(name)}", parent)
        self._commands = commands
        self._name = name
        self.key = _key_field(f"New key of {key_title(name)}")
        self.untested = Tick("Replace it even if the provider does not take it")
        form = form_layout()
        form.addRow(Text("New key", ink="text_2"), self.key)
        self.column.addLayout(form)
        self.column.addWidget(self.untested)
        self.add_hint("The new key is tested first. Calls on their way go on with the old one.")
        self.finished.connect(lambda _result: self.key.setText(""))
        self.save_button = self.add_buttons("Replace key", "primary")
        self.save_button.setDefault(True)

    def submit(self) -> None:
        """Test it and put it in; the dialog closes when it is in."""
        if not self.key.text().strip():
            self.error.tell(InvalidInput("No key", "Paste the new key that the provider gave you."))
            return
        self.begin("The provider is asked")
        self._commands.keys.replace(
            self._name, self.key.text(), self.accept, self.end_badly, is_forced=self.untested.isChecked()
        )


class UseKeyDialog(WorkingDialog):
    """Whose calls use a key: all that were told no other, or those of one project."""

    def __init__(self, commands: Commands, key: ProviderKey, parent: QWidget) -> None:
        super().__init__(f"Use {key_title(key.name)}", parent)
        self._commands = commands
        self._name = key.name
        self.by_default = Tick("Projects that have no key of their own")
        self.by_default.setChecked(key.is_default)
        self.project = Choice()
        self.project.setEditable(True)
        self.project.setAccessibleName("Project whose calls use this key")
        form = form_layout()
        form.addRow(Text("By default", ink="text_2"), self.by_default)
        form.addRow(Text("For the project", ink="text_2"), self.project)
        self.column.addLayout(form)
        self.add_hint("A project keeps to its key until you name another key for it, or remove this one.")
        self.save_button = self.add_buttons("Use key", "primary")
        self.save_button.setDefault(True)
        self._is_default = key.is_default
        commands.read_labels(Scope.PROJECT, self._offer, self.error.tell)

    def submit(self) -> None:
        """Note it; the dialog closes when the ledger took it."""
        project = clean_label(self.project.currentText())
        wants_default = self.by_default.isChecked() and not self._is_default
        if not project and not wants_default:
            self.error.tell(InvalidInput("Nothing was chosen", "Name a project, or make this the default."))
            return
        self.begin("It is written down")
        then = self.accept if not project else lambda: self._use_for(project)
        if wants_default:
            self._commands.keys.use(self._name, "", then, self.end_badly)
        else:
            then()

    def _use_for(self, project: str) -> None:
        self._commands.keys.use(self._name, project, self.accept, self.end_badly)

    def _offer(self, projects: list[str]) -> None:
        typed = self.project.currentText()
        self.project.clear()
        self.project.addItems(projects)
        self.project.setCurrentText(typed)


class MoveKeyDialog(WorkingDialog):
    """A key that stands in the clear, to be put into the keyring. `moved` tells what is left to do."""

    moved = Signal(object)

    def __init__(self, commands: Commands, found: FoundKey, parent: QWidget) -> None:
        super().__init__(f"Move {found.variable} into the keyring", parent)
        self._commands = commands
        self._found = found
        where = Text(f"It stands in {found.place}.", ink="text_2", wraps=True)
        self.label = QLineEdit()
        self.label.setAccessibleName("Label of the key")
        self.label.setMaxLength(MAX_LABEL_LENGTH)
        self.removes_line = Tick("Take the line out of that file, and keep a copy of the file")
        self.removes_line.hide()
        form = form_layout()
        form.addRow(Text("Provider", ink="text_2"), Text(key_title(KeyName(found.provider))))
        form.addRow(Text("Label", ink="text_2"), self.label)
        self.column.addWidget(where)
        self.column.addLayout(form)
        self.column.addWidget(self.removes_line)
        self.save_button = self.add_buttons("Move key", "primary")
        self.save_button.setDefault(True)
        commands.keys.suggest(found, self._suggest, self.error.tell)

    def submit(self) -> None:
        """Move it; the dialog closes when it is in the keyring."""
        self.begin("The keyring is asked")
        removes = self.removes_line.isVisibleTo(self) and self.removes_line.isChecked()
        self._commands.keys.move(
            self._found, self.label.text(), removes_line=removes, done=self._moved, failed=self.end_badly
        )

    def _suggest(self, label: str, can_remove: bool) -> None:
        if not self.label.text():
            self.label.setText(label)
        self.removes_line.setVisible(can_remove)
        self.removes_line.setChecked(can_remove)

    def _moved(self, moved: Moved) -> None:
        self.accept()
        self.moved.emit(moved)


def _key_field(name: str) -> QLineEdit:
    field = QLineEdit()
    field.setEchoMode(QLineEdit.EchoMode.Password)
    field.setAccessibleName(name)
    return field
