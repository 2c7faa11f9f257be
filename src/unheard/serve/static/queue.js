// The queue of the player: its tracks, which of them is current, and the radio that adds more. It is stored in this
// browser and knows nothing of sound. A track is { id, title, artist, record }, or { sound, title, artist } for a file
// that is not in the library, which is not stored.
const KEY = "unheard queue";
const KEPT_BEHIND = 50, MAX_PLAYED = 2000;

function stored() {
  try {
    const text = sessionStorage.getItem(KEY), found = JSON.parse(text || localStorage.getItem(KEY));
    if (!Array.isArray(found?.tracks)) return {};
    return text ? found : { ...found, playing: false }; // a new tab or a new start of the browser waits for a press
  } catch { return {}; }
}

class Queue extends EventTarget {
  constructor() {
    super();
    const { tracks = [], at = -1, radio = null, position = 0, playing = false } = stored();
    Object.assign(this, { tracks, at: tracks.length ? Math.min(Math.max(at, 0), tracks.length - 1) : -1, radio, position, playing });
  }

  get current() { return this.tracks[this.at]; }
  get left() { return this.tracks.length - 1 - this.at; }

  // Store the queue; `position` (seconds) and `playing` are those of the current track.
  store() {
    const tracks = this.tracks.filter((track) => track.id), at = tracks.indexOf(this.current);
    const { radio, position, playing } = this, text = JSON.stringify({ tracks, at, radio, position: at < 0 ? 0 : position, playing });
    try {
      sessionStorage.setItem(KEY, text);
      localStorage.setItem(KEY, text);
    } catch { /* storage is full or switched off: the queue lives as long as the page */ }
  }

  changed() {
    this.store();
    this.dispatchEvent(new Event("change"));
  }

  // Replace the queue and play it. A radio is { seeds, playlist, which }.
  play(tracks, at = 0, radio = null) {
    Object.assign(this, { tracks: [...tracks], at: tracks.length ? at : -1, radio, position: 0, playing: tracks.length > 0 });
    this.changed();
  }

  // Add tracks at the end, or after the current one.
  add(tracks, { next = false } = {}) {
    const place = next ? this.at + 1 : this.tracks.length;
    this.tracks.splice(place, 0, ...tracks.map((track) => ({ ...track })));
    if (this.at < 0) this.at = 0;
    this.changed();
  }

  go(at) {
    if (at < 0 || at >= this.tracks.length) return false;
    Object.assign(this, { at, position: 0, playing: true });
    if (this.radio) {
      const surplus = Math.max(0, this.at - KEPT_BEHIND);
      this.tracks.splice(0, surplus);
      this.at -= surplus;
    }
    this.changed();
    return true;
  }

  next() { return this.go(this.at + 1); }
  previous() { return this.go(this.at - 1); }

  remove(at) {
    this.tracks.splice(at, 1);
    if (at === this.at) this.position = 0;
    if (at < this.at || this.at >= this.tracks.length) this.at--;
    this.changed();
  }

  move(from, to) {
    if (to < 0 || to >= this.tracks.length) return;
    const current = this.current;
    this.tracks.splice(to, 0, ...this.tracks.splice(from, 1));
    this.at = this.tracks.indexOf(current);
    this.changed();
  }

  clear() { this.play([]); }

  // Request more tracks of the radio if it is about to end; what is in the queue counts as played.
  async refill() {
    if (!this.radio || this.left >= 3 || this.refilling) return;
    const { radio } = this;
    this.refilling = true;
    try {
      const queued = this.tracks.map((track) => track.id).filter(Boolean);
      radio.played = [...new Set([...(radio.played || []), ...queued])].slice(-MAX_PLAYED);
      const body = { seeds: radio.seeds, playlist: radio.playlist, candidates: radio.which, played: radio.played, n: 10 };
      const answer = await fetch("/api/radio", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
      if (!answer.ok) throw new Error((await answer.json()).message);
      const found = (await answer.json()).items.map(({ track }) => track).filter((track) => track.has_audio);
      if (this.radio !== radio) return; // another list was started in the meantime
      if (!found.length) throw new Error("no track of this radio has an audio file");
      this.add(found.map(asTrack));
    } catch (error) {
      this.dispatchEvent(new CustomEvent("problem", { detail: `The radio has no more tracks: ${error.message}` }));
      if (this.radio === radio) this.radio = null;
    } finally {
      this.refilling = false;
    }
  }
}

// Convert a track of the API to a track of the queue.
export function asTrack(track) {
  const cold = track.kind === "warm" ? 0 : 1;
  return { id: track.track_id, title: track.title || track.track_id, artist: track.artist, record: `/pictures/record?cold=${cold}&id=${encodeURIComponent(track.track_id)}&size=80` };
}

export const queue = new Queue();
