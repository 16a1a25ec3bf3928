"""The routing scripts of the documented scenarios; ``ebr run ebr_conformance.scripts.push_notification`` starts one."""

__all__: list[str] = []
