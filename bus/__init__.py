"""The two buses of Knotmeter: what travels on them, and how it is read, merged and kept."""
