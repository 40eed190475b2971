// Keeps a page up to date without loading it anew: what stands in #live is fetched again and put in place where it has
// changed, unless somebody is at work in it. Shows how far an import has come. Without this file every page works all the
// same: it is loaded anew, and an import is waited for.
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

(() => {
  async function imported(form, button) {
    const body = new FormData(form);
    body.set("do", "import");
    const told = form.querySelector("#importing");
    const bar = told.querySelector("progress");
    const said = told.querySelector("#so-far");
    told.hidden = false;
    button.disabled = true;
    const answer = await fetch(form.action, { method: "POST", body, headers: { accept: "application/x-ndjson" } });
    if (answer.redirected) { location.assign(answer.url); return; }
    if (answer.status === 401) {  // nothing was imported: the form with its file stays, to be sent after logging in
      said.textContent = told.dataset.loggedOut;
      button.disabled = false;
      return;
    }
    const lines = answer.headers.get("content-type")?.startsWith("application/x-ndjson");
    const page = lines ? await followed(answer.body.getReader(), bar, said, told.dataset.said) : await answer.text();
    const fresh = new DOMParser().parseFromString(page, "text/html").getElementById("content");
    const content = document.getElementById("content");
    if (!fresh || !content) throw new Error("no page came");
    content.replaceWith(fresh);
    const first = fresh.querySelector("[role=alert], [role=status]");
    if (first) { first.tabIndex = -1; first.focus(); }
  }

  async function followed(reader, bar, said, words) {
    const decoder = new TextDecoder();
    let rest = "";
    let page = "";
    for (;;) {
      const { done, value } = await reader.read();
      rest += decoder.decode(value || new Uint8Array(), { stream: !done });
      const whole = rest.split("\n");
      rest = whole.pop();
      for (const line of whole) {
        const told = JSON.parse(line);
        if (told.page !== undefined) { page = told.page; continue; }
        bar.max = told.facts || 1;
        bar.value = told.accepted;
        said.textContent = words.replace("{n}", told.accepted).replace("{of}", told.facts);
      }
      if (done) return page;
    }
  }

  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button?.value !== "import" || !event.target.querySelector("#importing")) return;
    event.preventDefault();
    const told = event.target.querySelector("#importing");
    imported(event.target, button).catch(() => {
      button.disabled = false;
      told.querySelector("#so-far").textContent = told.dataset.failed;
    });
  });

  document.addEventListener("change", (event) => {
    const field = event.target;
    if (!field.dataset?.most) return;
    const size = field.files[0]?.size ?? 1;
    field.setCustomValidity(size > 0 && size <= Number(field.dataset.most) ? "" : field.dataset.tooLarge);
    field.reportValidity();
  });
})();
