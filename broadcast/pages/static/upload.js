// Sends a recording as it is, says how far it has come, and why it cannot be used.

const $ = (id) => document.getElementById(id);
let sending = false;
let said = "";

function show(text = said) {
  said = text;
  const card = $("upload");
  if (!card) return;
  card.hidden = false;
  $("upload-file").disabled = sending;
  $("upload-file").onchange = chosen;
  if ($("upload-state").textContent !== said) $("upload-state").textContent = said;
}

function refused(answer) {
  try {
    const { title, detail } = JSON.parse(answer);
    return [title, detail].filter(Boolean).join(" ");
  } catch {
    return $("upload").dataset.failed;
  }
}

function send(file) {
  const words = $("upload").dataset;
  const asked = new XMLHttpRequest();
  sending = true;
  document.body.dataset.busy = "upload";
  asked.open("POST", `/desk/broadcast/upload?${new URLSearchParams({ name: file.name })}`);
  asked.setRequestHeader("X-Form", words.form);
  asked.setRequestHeader("Content-Type", "application/octet-stream");
  asked.upload.addEventListener("progress", ({ loaded, total }) =>
    show(loaded < total ? words.sending.replace("{n}", Math.floor(100 * loaded / total)) : words.reading));
  asked.addEventListener("loadend", () => {
    sending = false;
    delete document.body.dataset.busy;
    if (asked.status === 200) {
      show(words.done.replace("{title}", JSON.parse(asked.response).title));
      document.dispatchEvent(new Event("stale"));
    } else show(refused(asked.response));
  });
  asked.send(file);
  show(words.sending.replace("{n}", 0));
}

// Heard at the field itself: while the computer's own window to choose from is open, the page may be
// brought up to date, and what is chosen then comes to a field that is no longer on it.
function chosen({ target }) {
  if (target.files.length) send(target.files[0]);
}

document.addEventListener("pulse", () => show());
show();
