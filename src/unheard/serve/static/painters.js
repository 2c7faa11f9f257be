// Two ways to draw many points in every frame: WebGL, and where it is missing or slow (some browsers emulate it in
// software without a graphics card) setting pixels one by one, which is faster than drawing shapes on a canvas.
//
// A painter has a surface (its canvas) and paints a frame { x, y, unit, width, height, scale, size, alpha }: the point
// of the map in the middle, pixels for one unit of the map, the box in pixels, device pixels for one pixel, the width of
// a point in pixels, and its opacity.
export const COLOURS = [[242, 171, 102], [115, 181, 255]]; // known (warm), new (cold)
const NIGHT = [8, 14, 34];
const SLOW_MS = 16; // a frame at 60 a second
const TRIES = 3; // the first frame also compiles the shaders

// Return a painter for points (x and y alternating) and kinds (indices into COLOURS); `frame` is the first frame.
export function makePainter(points, kinds, frame) {
  const webgl = withWebGL(points, kinds);
  if (webgl && webgl.isQuick(frame)) return webgl;
  webgl?.end();
  return withPixels(points, kinds);
}

function fit(surface, { width, height, scale }) {
  const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
  if (surface.width === across && surface.height === down) return false;
  [surface.width, surface.height] = [across, down];
  return true;
}

function withWebGL(points, kinds) {
  const surface = document.createElement("canvas"), gl = surface.getContext("webgl", { antialias: false, alpha: false });
  if (!gl) return null;
  const program = gl.createProgram();
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, `attribute vec2 at; attribute float kind; uniform vec4 view; uniform float size; varying float cold, across;
      void main() { cold = kind; across = size; gl_Position = vec4((at - view.xy) * view.zw, 0., 1.); gl_PointSize = size; }`],
    [gl.FRAGMENT_SHADER, `precision mediump float; uniform vec3 warm_colour, cold_colour; uniform float alpha; varying float cold, across;
      void main() { float r = length(gl_PointCoord - .5) * across; float edge = 1. - smoothstep(across * .5 - 1.2, across * .5, r);
      gl_FragColor = vec4(mix(warm_colour, cold_colour, cold), edge * alpha); }`],
  ]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
  gl.useProgram(program);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
  gl.clearColor(...NIGHT.map((part) => part / 255), 1);
  const uniform = (name) => gl.getUniformLocation(program, name);
  const [u_view, u_size, u_alpha] = [uniform("view"), uniform("size"), uniform("alpha")];
  for (const [kind, name] of ["warm_colour", "cold_colour"].entries()) gl.uniform3fv(uniform(name), COLOURS[kind].map((part) => part / 255));
  for (const [name, data, parts, type] of [["at", points, 2, gl.FLOAT], ["kind", kinds, 1, gl.UNSIGNED_BYTE]]) {
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    const location = gl.getAttribLocation(program, name);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, parts, type, false, 0, 0);
  }

  function paint(frame) {
    fit(surface, frame);
    gl.viewport(0, 0, surface.width, surface.height);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform4f(u_view, frame.x, frame.y, (2 * frame.unit) / frame.width, (2 * frame.unit) / frame.height);
    gl.uniform1f(u_size, Math.max(2, frame.size * frame.scale));
    gl.uniform1f(u_alpha, frame.alpha);
    gl.drawArrays(gl.POINTS, 0, kinds.length);
  }

  // Whether a frame is drawn in time; reading a pixel waits for the end of the drawing.
  function isQuick(frame) {
    for (let tried = 0; tried < TRIES; tried++) {
      const began = performance.now();
      paint(frame);
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
      if (performance.now() - began < SLOW_MS) return true;
    }
    return false;
  }

  return { name: "webgl", surface, paint, isQuick, end: () => gl.getExtension("WEBGL_lose_context")?.loseContext() };
}

function withPixels(points, kinds) {
  const surface = document.createElement("canvas"), flat = surface.getContext("2d", { alpha: false });
  if (!flat) throw new Error("this browser supports neither WebGL nor 2D canvases");
  const night = packed(NIGHT);
  let image = null, pixels = null;

  function paint(frame) {
    if (fit(surface, frame) || !image) {
      image = flat.createImageData(surface.width, surface.height);
      pixels = new Uint32Array(image.data.buffer);
    }
    pixels.fill(night);
    const { width, height } = image, unit = frame.unit * frame.scale;
    const { columns, rows, inks, rest, reach } = dotPixels(Math.max(2, frame.size * frame.scale), frame.alpha), cells = columns.length;
    const middle = width / 2 - frame.x * unit, centre = height / 2 + frame.y * unit;
    for (let i = 0; i < kinds.length; i++) {
      const x = Math.floor(middle + points[2 * i] * unit), y = Math.floor(centre - points[2 * i + 1] * unit);
      if (x < -reach || y < -reach || x >= width + reach || y >= height + reach) continue;
      const ink = inks[kinds[i]];
      for (let c = 0; c < cells; c++) {
        const column = x + columns[c], row = y + rows[c];
        if (column < 0 || row < 0 || column >= width || row >= height) continue;
        const under = pixels[row * width + column];
        pixels[row * width + column] = 0xff000000
          | (((Math.imul(under & 0xff00ff, rest[c]) + ink[2 * c]) >>> 8) & 0xff00ff)
          | (((Math.imul(under & 0xff00, rest[c]) + ink[2 * c + 1]) >>> 8) & 0xff00);
      }
    }
    flat.putImageData(image, 0, 0);
  }

  return { name: "canvas", surface, paint };
}

// Return the pixels of a point as the shader would colour them: their offsets, the share of the old colour that remains
// (rest, of 256) and the colour that is added (inks: red and blue in one number, green in another).
function dotPixels(across, alpha) {
  const radius = across / 2, reach = Math.floor(radius), columns = [], rows = [], cover = [];
  for (let row = -reach; row <= reach; row++) {
    for (let column = -reach; column <= reach; column++) {
      const t = Math.min(1, Math.max(0, (Math.hypot(column, row) - radius + 1.2) / 1.2));
      const parts = Math.round(256 * alpha * (1 - t * t * (3 - 2 * t)));
      if (parts > 0) { columns.push(column); rows.push(row); cover.push(parts); }
    }
  }
  const inks = COLOURS.map(packed).map((colour) => cover.flatMap((parts) => [(colour & 0xff00ff) * parts, (colour & 0xff00) * parts]));
  return { columns, rows, inks, rest: cover.map((parts) => 256 - parts), reach };
}

const packed = ([red, green, blue]) => (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
