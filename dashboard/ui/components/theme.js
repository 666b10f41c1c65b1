// Light or dark: as the reader chose it in this browser, else as the system is. By a cookie, so that the next page begins so.
function rememberTheme(page) {
  const property = page?.properties?.dark_theme;
  const asked = new URL(location.href).searchParams.has("theme");
  if (!property || asked) return () => {};
  const kept = (name) => document.cookie.split("; ").find((each) => each.startsWith(name + "="))?.split("=")[1];
  const keep = (name, dark) => {
    document.cookie = `${name}=${dark ? "dark" : "light"}; path=/; max-age=31536000; samesite=lax`;
  };
  const system = matchMedia("(prefers-color-scheme: dark)");
  let ours = false;
  const set = (dark) => {
    ours = true;
    if (page.dark_theme !== dark) page.dark_theme = dark;
    ours = false;
  };
  const follow = () => {
    keep("dynascope_system", system.matches);
    if (!kept("dynascope_theme")) set(system.matches);
  };
  const chosen = () => { if (!ours) keep("dynascope_theme", page.dark_theme); };
  property.change.connect(chosen);
  system.addEventListener("change", follow);
  follow();
  return () => {
    property.change.disconnect(chosen);
    system.removeEventListener("change", follow);
  };
}
