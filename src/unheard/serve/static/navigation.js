// Keeps sound going across pages. While a track plays, a link or form of this server does not load a new document: its
// page is fetched, and replaces the content of this one. Without sound, and without JavaScript, the browser navigates.
const parser = new DOMParser();
let latest = 0, visits = 0, shown = location.pathname + location.search;
let isPlaying = () => false, onArrival = () => {};

const own = (document_) => document_.querySelector('head script[src$="/player.js"]')?.getAttribute("src");
const withoutHash = (url) => url.pathname + url.search;

// Start to listen. `playing` returns whether a track plays; `arrive` is called after each change of the content.
export function start(playing, arrive) {
  [isPlaying, onArrival] = [playing, arrive];
  document.addEventListener("click", followLink);
  document.addEventListener("submit", followForm);
  addEventListener("popstate", () => {
    if (withoutHash(location) === shown) return;
    go(location.href, { scroll: history.state?.scroll ?? 0, push: false });
  });
  if (history.scrollRestoration === "manual" && history.state?.scroll) scrollTo({ top: history.state.scroll, behavior: "instant" });
  let timer = 0;
  addEventListener("scroll", () => {
    if (history.scrollRestoration !== "manual") return;
    clearTimeout(timer);
    timer = setTimeout(keepScroll, 150);
  }, { passive: true });
}

function keepScroll() {
  if (withoutHash(location) === shown) history.replaceState({ ...history.state, scroll: scrollY }, "");
}

function followLink(event) {
  const link = event.target.closest("a[href]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const url = new URL(link.href, location.href);
  const leaves = url.origin !== location.origin || link.target || link.hasAttribute("download") || /^\/(api|static|sound|pictures|openapi)\b/.test(url.pathname);
  if (leaves || (withoutHash(url) === withoutHash(location) && url.hash) || !isPlaying()) return;
  event.preventDefault();
  go(url.href);
}

function followForm(event) {
  const form = event.target, button = event.submitter, inPlace = form.matches(".keep-scroll");
  if (event.defaultPrevented || form.target || form.hasAttribute("data-native") || !(isPlaying() || inPlace)) return;
  const url = new URL(button?.getAttribute("formaction") || form.getAttribute("action") || location.href, location.href);
  if (url.origin !== location.origin || url.pathname === "/logout") return;
  event.preventDefault();
  const body = new FormData(form, button);
  if (form.method !== "post") {
    url.search = new URLSearchParams(body);
    go(url.href);
  } else {
    go(url.href, { method: "POST", body: form.enctype === "multipart/form-data" ? body : new URLSearchParams(body), ...(inPlace ? { scroll: scrollY } : {}) });
  }
}

async function go(address, { method = "GET", body, scroll = null, push = true } = {}) {
  const mine = ++latest;
  document.getElementById("main").setAttribute("aria-busy", "true");
  if (push) keepScroll();
  let answer, text;
  try {
    answer = await fetch(address, { method, body });
    text = (answer.headers.get("content-type") || "").startsWith("text/html") ? await answer.text() : null;
  } catch { text = null; }
  if (mine !== latest) return;
  const page = text === null ? null : parser.parseFromString(text, "text/html");
  if (!page || own(page) !== own(document)) { // no page, a page without the player, or one of a newer server
    location.assign(method === "GET" ? address : location.href);
    return;
  }
  const url = new URL(answer.url || address, location.href);
  url.hash ||= new URL(address).hash;
  shown = withoutHash(url);
  if (push) {
    if (shown === withoutHash(location)) history.replaceState({}, "", url);
    else history.pushState({}, "", url);
    history.scrollRestoration = "manual";
  }
  replace(page);
  const target = url.hash && document.getElementById(decodeURIComponent(url.hash.slice(1)));
  if (target && scroll === null) target.scrollIntoView();
  else scrollTo({ top: scroll ?? 0, behavior: "instant" });
}

// Replace the content of this document by that of another, and run the scripts of its page.
function replace(page) {
  document.title = page.title;
  for (const part of ["header.bar", "main", "footer"]) {
    const [old, found] = [document.querySelector(part), page.querySelector(part)];
    if (old && found) old.replaceWith(document.adoptNode(found));
  }
  const main = document.getElementById("main");
  main.focus({ preventScroll: true });
  onArrival(main);
  visits++;
  for (const script of page.querySelectorAll('head script[type="module"][src]')) {
    const src = script.getAttribute("src");
    if (src !== own(document)) import(`${src}?visit=${visits}`); // a module runs once for each address
  }
}
