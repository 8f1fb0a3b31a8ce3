// The WebSocket that frames go out on and their faces come back on, one frame at a time.

const RETRY_MS = [500, 1000, 2000, 4000];
const STALLED_MS = 15000;

/** Close codes after which another try would end the same way. */
const FINAL = new Set([1003, 1008, 1009]);

export class Connection {
  /**
   * `on` has the functions answer(answer, roundTripMs), up(), lost() and refused(reason).
   */
  constructor(scheme, on) {
    this.address = new URL(`api/camera?scheme=${encodeURIComponent(scheme)}`, location.href);
    this.address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    this.on = on;
    this.tries = 0;
    this.last = 0;
    this.#open();
  }

  /** Whether a frame may be sent. */
  get free() {
    return this.socket?.readyState === WebSocket.OPEN && this.sent === null;
  }

  /** Send a JPEG; its time is taken now. */
  send(jpeg) {
    // Later than the last one, even where a browser makes its clock coarse.
    this.sent = Math.max(performance.now(), this.last + 1);
    this.last = this.sent;
    const time = new DataView(new ArrayBuffer(8));
    time.setFloat64(0, this.sent / 1000, true);
    this.socket.send(new Blob([time, jpeg]));
    this.stall = setTimeout(() => this.socket.close(), STALLED_MS);
  }

  close() {
    this.closed = true;
    clearTimeout(this.retry);
    clearTimeout(this.stall);
    this.socket.close();
  }

  #open() {
    this.sent = null;
    const socket = new WebSocket(this.address);
    this.socket = socket;
    socket.addEventListener("open", () => {
      this.tries = 0;
      if (!this.closed) this.on.up();
    });
    socket.addEventListener("message", ({ data }) => {
      if (this.closed) return;
      clearTimeout(this.stall);
      const took = performance.now() - this.sent;
      this.sent = null;
      this.on.answer(JSON.parse(data), took);
    });
    socket.addEventListener("close", ({ code, reason }) => {
      clearTimeout(this.stall);
      if (this.closed) return;
      if (FINAL.has(code) || (code === 1013 && reason)) {
        this.closed = true;
        this.on.refused(reason);
        return;
      }
      this.on.lost();
      this.retry = setTimeout(() => this.#open(), RETRY_MS[Math.min(this.tries, 3)]);
      this.tries += 1;
    });
  }
}
