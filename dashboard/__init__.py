"""The page: routes, labs, controls and marks over the headless engines. Never imports torch itself."""
