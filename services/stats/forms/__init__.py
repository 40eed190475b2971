"""Forms of annual reports, one TOML file each; see :mod:`services.stats.forms.form`."""
