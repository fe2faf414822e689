"""For writing a new migration, with Flask-Migrate's commands on the database of the settings:

    flask --app migrations/develop.py db revision --autogenerate --rev-id 0002 -m "what it does"

Then add the revision to REVISIONS in omniroute/models/schema.py.
"""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from flask_migrate import Migrate

from omniroute.models.db import db
from omniroute.settings import Settings

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = Settings.from_env().sqlalchemy_url
db.init_app(app)
Migrate(app, db, directory=str(Path(__file__).parent))
