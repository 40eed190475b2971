// Post one fact with Node's own fetch; the same event, with the same id, is sent again while intake is away.
const intake = process.env.SHIXIAN_INTAKE ?? "http://127.0.0.1:8701";
const id = process.argv[2];
if (!id) throw new Error("usage: node post.mjs ID");

const event = {
  specversion: "1.0",
  type: "org.shixian.receipt-confirmed.v1",
  source: "urn:example:intake",
  id,
  subject: "2025-0001",
  data: { confirmed_on: "2025-03-03" },
};
const headers = { "content-type": "application/cloudevents+json" };
if (process.env.SHIXIAN_TOKEN) headers.authorization = `Bearer ${process.env.SHIXIAN_TOKEN}`;

async function post(patience = 60) {
  for (let waited = 0, pause = 0.2; ; pause = Math.min(pause * 2, 10)) {
    let reason;
    try {
      const answer = await fetch(`${intake}/v1/events`, { method: "POST", headers, body: JSON.stringify(event) });
      if (answer.status === 202) return (await answer.json()).events[0];
      if (answer.status !== 429 && answer.status !== 503) throw new Refused(await answer.text());
      pause = Math.max(pause, Number(answer.headers.get("retry-after")) || 0);
      reason = answer.status;
    } catch (error) {
      if (error instanceof Refused) throw error;
      reason = error.message;
    }
    if (waited + pause > patience) throw new Error(`no answer in ${waited} s: ${reason}`);
    await new Promise((resolve) => setTimeout(resolve, pause * 1000));
    waited += pause;
  }
}

class Refused extends Error {}

console.log(JSON.stringify(await post()));
