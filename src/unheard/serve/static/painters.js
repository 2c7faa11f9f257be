// Two ways to draw many points in every frame: WebGL, and where it is missing or slow (some browsers emulate it in
// software without a graphics card) setting pixels one by one, which is faster than drawing shapes on a canvas.
//
// A painter has a surface (its canvas), takes the class of each point and the colour of each class (red, green, blue, and
// opacity from 0 to 1) by `colour`, and paints a frame { x, y, unit, width, height, scale, size, alpha }: the point of the
// map in the middle, pixels for one unit of the map, the box in pixels, device pixels for one pixel, the width of a point
// in pixels, and its opacity.
const NIGHT = [8, 14, 34];
const SLOW_MS = 16; // a frame at 60 a second
const TRIES = 3; // the first frame also compiles the shaders

// Return a painter for points (x and y alternating) in their first colours; `frame` is the first frame.
export function makePainter(points, classes, colours, frame) {
  const webgl = withWebGL(points);
  webgl?.colour(classes, colours);
  if (webgl && webgl.isQuick(frame)) return webgl;
  webgl?.end();
  const pixels = withPixels(points);
  pixels.colour(classes, colours);
  return pixels;
}

function fit(surface, { width, height, scale }) {
  const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
  if (surface.width === across && surface.height === down) return false;
  [surface.width, surface.height] = [across, down];
  return true;
}

function withWebGL(points) {
  const surface = document.createElement("canvas"), gl = surface.getContext("webgl", { antialias: false, alpha: false });
  if (!gl) return null;
  const program = gl.createProgram();
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, `attribute vec2 at; attribute vec4 colour; uniform vec4 view; uniform float size; varying vec4 ink; varying float across;
      void main() { ink = colour; across = size; gl_Position = vec4((at - view.xy) * view.zw, 0., 1.); gl_PointSize = size; }`],
    [gl.FRAGMENT_SHADER, `precision mediump float; uniform float alpha; varying vec4 ink; varying float across;
      void main() { float r = length(gl_PointCoord - .5) * across; float edge = 1. - smoothstep(across * .5 - 1.2, across * .5, r);
      gl_FragColor = vec4(ink.rgb, edge * alpha * ink.a); }`],
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
  const [u_view, u_size, u_alpha] = ["view", "size", "alpha"].map((name) => gl.getUniformLocation(program, name));
  const buffers = ["at", "colour"].map((name, i) => {
    const buffer = gl.createBuffer(), location = gl.getAttribLocation(program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, [2, 4][i], [gl.FLOAT, gl.UNSIGNED_BYTE][i], i === 1, 0, 0);
    return buffer;
  });
  gl.bindBuffer(gl.ARRAY_BUFFER, buffers[0]);
  gl.bufferData(gl.ARRAY_BUFFER, points, gl.STATIC_DRAW);

  function colour(classes, colours) {
    const bytes = new Uint8Array(4 * classes.length), parts = colours.map(({ rgb, opacity }) => [...rgb, Math.round(255 * opacity)]);
    for (let i = 0; i < classes.length; i++) bytes.set(parts[classes[i]], 4 * i);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffers[1]);
    gl.bufferData(gl.ARRAY_BUFFER, bytes, gl.STATIC_DRAW);
  }

  function paint(frame) {
    fit(surface, frame);
    gl.viewport(0, 0, surface.width, surface.height);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform4f(u_view, frame.x, frame.y, (2 * frame.unit) / frame.width, (2 * frame.unit) / frame.height);
    gl.uniform1f(u_size, Math.max(2, frame.size * frame.scale));
    gl.uniform1f(u_alpha, frame.alpha);
    gl.drawArrays(gl.POINTS, 0, points.length / 2);
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

  return { name: "webgl", surface, colour, paint, isQuick, end: () => gl.getExtension("WEBGL_lose_context")?.loseContext() };
}

function withPixels(points) {
  const surface = document.createElement("canvas"), flat = surface.getContext("2d", { alpha: false });
  if (!flat) throw new Error("this browser supports neither WebGL nor 2D canvases");
  const night = packed(NIGHT);
  let image = null, pixels = null, classes = null, colours = [];

  function paint(frame) {
    if (fit(surface, frame) || !image) {
      image = flat.createImageData(surface.width, surface.height);
      pixels = new Uint32Array(image.data.buffer);
    }
    pixels.fill(night);
    const { width, height } = image, unit = frame.unit * frame.scale;
    const dots = colours.map((colour) => dotPixels(Math.max(2, frame.size * frame.scale), frame.alpha * colour.opacity, colour.rgb));
    const middle = width / 2 - frame.x * unit, centre = height / 2 + frame.y * unit;
    for (let i = 0; i < classes.length; i++) {
      const { columns, rows, ink, rest, reach } = dots[classes[i]], cells = columns.length;
      const x = Math.floor(middle + points[2 * i] * unit), y = Math.floor(centre - points[2 * i + 1] * unit);
      if (x < -reach || y < -reach || x >= width + reach || y >= height + reach) continue;
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

  return { name: "canvas", surface, paint, colour: (...given) => { [classes, colours] = given; } };
}

// Return the pixels of a point as the shader would colour them: their offsets, the share of the old colour that remains
// (rest, of 256) and the colour that is added (ink: red and blue in one number, green in the next).
function dotPixels(across, alpha, rgb) {
  const radius = across / 2, reach = Math.floor(radius), columns = [], rows = [], cover = [];
  for (let row = -reach; row <= reach; row++) {
    for (let column = -reach; column <= reach; column++) {
      const t = Math.min(1, Math.max(0, (Math.hypot(column, row) - radius + 1.2) / 1.2));
      const parts = Math.round(256 * alpha * (1 - t * t * (3 - 2 * t)));
      if (parts > 0) { columns.push(column); rows.push(row); cover.push(parts); }
    }
  }
  const colour = packed(rgb);
  const ink = cover.flatMap((parts) => [(colour & 0xff00ff) * parts, (colour & 0xff00) * parts]);
  return { columns, rows, ink, rest: cover.map((parts) => 256 - parts), reach };
}

const packed = ([red, green, blue]) => (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
