"""Update rules as data: each method is a value with `init` and `update`, whatever the scene that it races in."""
