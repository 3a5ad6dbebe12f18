from pathlib import Path

import infra
from infra.env_example import render_env_example
from infra.settings import SETTINGS_CLASSES, Settings

ROOT = Path(infra.__file__).parent.parent


def test_the_committed_file_is_the_generated_one() -> None:
    committed = (ROOT / ".env.example").read_text()
    assert committed == render_env_example(), "run: perdure settings > .env.example"


def test_every_settings_class_is_listed() -> None:
    used = {type(value) for value in vars(Settings()).values()}
    assert used == set(SETTINGS_CLASSES)


def test_every_setting_says_what_it_is() -> None:
    missing = [
        f"{settings.__name__}.{name}"
        for settings in SETTINGS_CLASSES
        for name, field in settings.model_fields.items()
        if not field.description
    ]
    assert missing == []
