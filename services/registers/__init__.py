"""Registers: spreadsheets that offices keep, read into facts by a map. Pure: bytes in, facts and problems out."""
