// How far an upload is. What comes after the last byte is the check.
const form = document.getElementById("upload");
const line = document.getElementById("upload-progress");

function say(percent, words) {
  line.hidden = false;
  const bar = line.querySelector("progress");
  if (percent === null) bar.removeAttribute("value");
  else bar.value = percent;
  line.querySelector("span").textContent = words;
}

form?.addEventListener("htmx:xhr:progress", (event) => {
  const { loaded, total, lengthComputable } = event.detail;
  if (!lengthComputable || !total) return;
  const percent = Math.floor(100 * loaded / total);
  if (percent < 100) say(percent, `${percent} % sent`);
  else say(null, "Sent. Every conversation is being checked…");
});
form?.addEventListener("htmx:afterRequest", (event) => {
  line.hidden = true;
  if (event.detail.xhr.status === 0) document.getElementById("upload-answer").textContent = "The connection was lost. Send the file again.";
});
form?.addEventListener("htmx:afterSwap", () => document.querySelector("#upload-answer .alert")?.focus());
