// Keeps a page up to date without loading it anew: what stands in #live is fetched again and put in place where it has
// changed, unless somebody is at work in it. Also: a form's field that was refused is looked at first.
"use strict";

(() => {
  const live = document.getElementById("live");
  const seconds = Number(live?.dataset.seconds || 0);
  if (!live || !seconds) return;

  const said = document.getElementById("said");
  let shown = live.innerHTML;

  async function look() {
    if (document.hidden || live.querySelector("form :focus, details[open] form")) return;
    const answer = await fetch(location.href, { headers: { "x-desk-refresh": "1", accept: "text/html" } });
    if (answer.redirected) { location.reload(); return; }
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("live");
    if (!fresh || fresh.innerHTML === shown) return;
    const at = document.activeElement?.closest?.("#live [href]")?.getAttribute("href");
    const open = [...live.querySelectorAll("details[open][id]")].map((one) => one.id);
    shown = fresh.innerHTML;
    live.replaceChildren(...fresh.childNodes);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (at) live.querySelector(`[href="${CSS.escape(at)}"]`)?.focus();
    if (said) said.textContent = page.getElementById("sum")?.textContent || "";
  }

  setInterval(() => look().catch(() => {}), seconds * 1000);
  document.addEventListener("visibilitychange", () => look().catch(() => {}));
})();
