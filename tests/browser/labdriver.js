// Helpers put into JupyterLab's page by labdriver.py, under window.cnnlab.
() => {
  const app = window.jupyterapp;
  let home;  // the notebook, whatever else comes to the front
  const panel = () => home ?? app.shell.currentWidget;
  const node = i => panel().content.widgets[i].node;
  const frame = () => new Promise(done => requestAnimationFrame(done));
  const sleep = ms => new Promise(done => setTimeout(done, ms));
  const heard = { busy: 0, idle: 0, faults: [] };

  // Errors in callbacks of widgets never reach the page; they are heard here.
  const hear = (_, message) => {
    const type = message.header.msg_type, content = message.content;
    heard.last = Date.now();
    if (type === "status") {
      if (content.execution_state === "busy") heard.busy += 1;
      if (content.execution_state === "idle") heard.idle += 1;
    }
    const byWidget = message.parent_header?.msg_type === "comm_msg";
    if (byWidget && type === "error")
      heard.faults.push(`hidden error: ${content.ename}: ${content.evalue}`);
    if (byWidget && type === "stream")
      heard.faults.push(`hidden ${content.name}: ${content.text.trim().slice(-200)}`);
  };

  const SELECTOR = ".noUi-handle, input, select, textarea, button";
  // What the keyboard cannot reach does by mouse what another control does.
  const visible = one => one.getClientRects().length > 0 && !one.disabled
    && one.getAttribute("tabindex") !== "-1"
    && getComputedStyle(one).visibility !== "hidden";
  const elements = i => [...node(i).querySelectorAll(".jp-OutputArea .jupyter-widgets")]
    .flatMap(root => [...root.querySelectorAll(SELECTOR),
                      ...(root.matches(SELECTOR) ? [root] : [])])
    .filter((one, k, all) => all.indexOf(one) === k && visible(one));

  const kindOf = one => {
    if (one.matches(".noUi-handle")) return "slider";
    if (one.tagName === "SELECT") return "select";
    if (one.matches(".widget-upload, .jupyter-widget-upload")) return "upload";
    if (one.tagName === "BUTTON") return "button";
    if (one.tagName === "TEXTAREA") return "text";
    if (["checkbox", "radio", "number"].includes(one.type)) return one.type;
    return "text";
  };
  const words = one => (one?.textContent ?? "").trim();
  const nameOf = one => {
    const by = one.getAttribute("aria-labelledby");
    const title = one.getAttribute("title");
    return one.getAttribute("aria-label")?.trim()
      || (by && words(document.getElementById(by)))
      || (one.id && words(document.querySelector(`label[for="${CSS.escape(one.id)}"]`)))
      || words(one.closest("label"))
      || (one.tagName === "BUTTON" && words(one))
      || (title && title !== "null" && title.trim()) || "";
  };
  // The smallest box around a slider that also holds a named number box.
  const pairedWith = one => {
    if (kindOf(one) !== "slider") return "";
    const near = one.closest(".widget-hbox, .widget-vbox");
    if (!near?.matches(".widget-hbox")) return "";
    const box = near.querySelector("input[type=number]");
    return box ? nameOf(box) : "";
  };
  const value = text => text === null || text === "" || isNaN(text) ? null : +text;

  const hash = data => {
    let h = 2166136261;
    for (let k = 0; k < data.length; k += 1) h = Math.imul(h ^ data[k], 16777619);
    return (h >>> 0).toString(16);
  };
  const known = new Map();  // address of a picture -> its pixels; neither changes
  const pixels = async image => {
    if (!known.has(image.src)) {
      try { await image.decode(); } catch { return "not decoded"; }
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
      if (!canvas.width || !canvas.height) return "empty";
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(image, 0, 0);
      const area = context.getImageData(0, 0, canvas.width, canvas.height);
      const found = hash(new Uint32Array(area.data.buffer));
      known.set(image.src, `${canvas.width}x${canvas.height}:${found}`);
    }
    return known.get(image.src);
  };

  const luminance = rgb => rgb.slice(0, 3)
    .map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const rgba = text => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.fillStyle = text;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const backdrop = one => {
    for (; one; one = one.parentElement) {
      const colour = rgba(getComputedStyle(one).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };

  window.cnnlab = {
    heard, panel,
    ready: async () => {
      await app.restored;
      home = app.shell.currentWidget;
      await panel().context.ready;
      await panel().sessionContext.ready;
      await panel().sessionContext.session.kernel.info;
      panel().sessionContext.iopubMessage.connect(hear);
    },
    // silent: seconds without a message after which it is lost; only: positions of cells
    runAll: async ([silent, only]) => {
      const notebook = panel().content;
      notebook.deselectAll();
      if (only) {
        notebook.activeCellIndex = only[0];
        for (const i of only) notebook.select(notebook.widgets[i]);
      }
      const command = only ? "notebook:run-cell" : "notebook:run-all-cells";
      const asked = app.commands.execute(command);
      heard.last = Date.now();
      const lost = (async () => {
        const still = () => heard.idle < heard.busy ? 10 * silent : silent;
        while (Date.now() - heard.last < 1000 * still()) await sleep(250);
        return "lost";
      })();
      const well = await Promise.race([asked, lost]);
      for (let k = 0; k < 200 && heard.idle < heard.busy; k += 1) await sleep(50);
      await sleep(300);  // views of widgets are built after their cell has ended
      heard.faults.length = 0;  // before ipywidgets is imported, comms find no target
      return well;
    },
    unfold: () => app.commands.execute("notebook:expand-all-headings"),
    shutdown: async () => {
      await panel()?.sessionContext?.shutdown();
      panel()?.dispose();
    },
    cells: () => panel().content.widgets.map((cell, i) => ({
      type: cell.model.type,
      source: cell.model.sharedModel.source,
      tags: cell.model.getMetadata("tags") ?? [],
      widgets: cell.node.querySelectorAll(".jp-OutputArea .jupyter-widgets").length,
      sourceHidden: cell.inputHidden === true,
      outputHidden: cell.outputHidden === true,
      headingFolded: cell.headingCollapsed === true,
      unfolded: cell.node.querySelectorAll("details[open]").length,
      folds: cell.node.querySelectorAll("details").length,
      errors: cell.model.type !== "code" ? [] : Array.from(
        { length: cell.model.outputs.length }, (_, k) => cell.model.outputs.get(k)
      ).map(output => output.toJSON()).flatMap(output =>
        output.output_type === "error" ? [`${output.ename}: ${output.evalue}`]
          : output.output_type === "stream" && output.name === "stderr"
          ? [`stderr: ${String(output.text).slice(-300)}`] : []),
    })),
    edit: i => {
      const notebook = panel().content;
      notebook.activeCellIndex = i;
      notebook.deselectAll();
      notebook.mode = "edit";
      notebook.widgets[i].node.scrollIntoView();
      notebook.widgets[i].editor.focus();
      notebook.widgets[i].model.executionCount = null;  // until it has run again
    },
    hasRun: i => {
      const model = panel().content.widgets[i].model;
      return model.executionState !== "running" && heard.idle >= heard.busy
        && model.executionCount !== null;
    },
    outputText: async i => {
      await sleep(50);
      return [...node(i).querySelectorAll(".jp-OutputArea-output")]
        .map(one => one.textContent).join("\n");
    },
    control: (i, n) => elements(i)[n],
    controls: i => elements(i).map(one => ({
      kind: kindOf(one), name: nameOf(one), paired: pairedWith(one),
      label: nameOf(one) || pairedWith(one),
      value: value(one.value ?? null),
      min: value(one.getAttribute("min")), max: value(one.getAttribute("max")),
      step: value(one.getAttribute("step")), options: one.options?.length ?? 0,
    })),
    look: async i => {
      const roots = [...node(i).querySelectorAll(".jp-OutputArea .jupyter-widgets")];
      const images = [...new Set(roots.flatMap(
        root => [...root.querySelectorAll("img"), ...(root.matches("img") ? [root] : [])]
      ))];
      const texts = [...new Set(roots.flatMap(
        root => [...root.querySelectorAll(".widget-html-content, .jp-OutputArea")]
      ))];
      const seen = [];
      for (const image of images) seen.push(await pixels(image));
      return [...seen, ...texts.map(one => one.innerHTML.replace(/blob:\S+?"/g, ""))]
        .join("\n");
    },
    startWaiting: () => { heard.before = heard.busy; },
    settled: async (i, before) => {
      const start = performance.now();
      const spent = () => performance.now() - start;
      while (heard.busy === heard.before && spent() < 250) await sleep(10);
      while (heard.idle < heard.busy && spent() < 20000) await sleep(10);
      const quiet = spent() + (heard.busy === heard.before ? 0 : 250);
      for (let last = before; ;) {  // what the kernel sent is drawn a little later
        await sleep(30);
        await frame();
        const now = await cnnlab.look(i);
        if (now === last && (now !== before || spent() > quiet)) return now !== before;
        last = now;
      }
    },
    errors: i => {
      const alerts = [...node(i).querySelectorAll("[role=alert]")].map(words)
        .filter(text => text && !/^Not possible\.\s+(?!\w*(Error|Exception|Warning|Interrupt|Exit|StopIteration)\b)/
          .test(text)).map(text => `shows ${text.slice(0, 200)}`);
      const traces = [...node(i).querySelectorAll(
        '.jupyter-widgets [data-mime-type*="error"], .jupyter-widgets [data-mime-type*="stderr"]'
      )].map(one => `shows ${words(one).slice(-200)}`);
      return [...alerts, ...traces, ...heard.faults.splice(0)];
    },
    cutOff: i => {
      const outer = panel().content.node.getBoundingClientRect();
      const found = [];
      for (const one of [...elements(i), ...node(i).querySelectorAll(
        ".jp-OutputArea .jupyter-widgets img, .jp-OutputArea .widget-html-content")]) {
        const box = one.getBoundingClientRect();
        if (!box.width) continue;
        let [left, right] = [outer.left, outer.right];
        for (let up = one.parentElement; up; up = up.parentElement) {
          const flow = getComputedStyle(up).overflowX;
          if (flow === "visible" || up.matches(".jupyter-widgets")) continue;
          const edge = up.getBoundingClientRect();
          left = Math.max(left, edge.left);
          right = Math.min(right, edge.left + up.clientLeft + up.clientWidth);
        }
        if (box.left < left - 1 || box.right > right + 1)
          found.push(`${kindOf(one)} ${nameOf(one) || one.tagName} spans `
            + `${Math.round(box.left)}..${Math.round(box.right)} px, visible are `
            + `${Math.round(left)}..${Math.round(right)}`);
      }
      return found;
    },
    // Height of a widget, and of the part of the notebook that is seen at once.
    screen: i => {
      const roots = [...node(i).querySelectorAll(".jp-OutputArea .jupyter-widgets")];
      const boxes = roots.map(one => one.getBoundingClientRect());
      const seen = document.querySelector(".jp-WindowedPanel-outer");
      return [Math.max(...boxes.map(box => box.height)), seen.clientHeight];
    },
    // Displayed height of the smallest text in every picture of a cell. The picture's
    // file says how tall it was drawn, in a text chunk called "Text".
    texts: async i => {
      const found = [];
      for (const image of node(i).querySelectorAll(".jp-OutputArea img")) {
        const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
        const latin = Array.from(bytes.slice(0, 4096), b => String.fromCharCode(b))
          .join("");
        const drawn = /tEXtText\0([\d.]+|inf)/.exec(latin)?.[1];
        const wide = image.getBoundingClientRect().width;
        if (drawn && drawn !== "inf" && wide)
          found.push(parseFloat(drawn) * Math.min(1, wide / image.naturalWidth));
      }
      return found;
    },
    faint: i => {
      const found = [];
      const texts = node(i).querySelectorAll(
        ".jupyter-widgets label, .widget-html-content, .widget-html-content *, "
        + ".jupyter-widgets input[type=number], .jupyter-widgets select, "
        + ".jupyter-widgets button");
      for (const one of texts) {
        const own = [...one.childNodes].some(
          child => child.nodeType === 3 && child.textContent.trim());
        const field = one.matches("input, select");
        if (!(own || field) || !one.getClientRects().length) continue;
        const [a, b] = [luminance(rgba(getComputedStyle(one).color)),
                        luminance(backdrop(one))].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < 4.5)
          found.push(`${words(one).slice(0, 40) || one.tagName}: contrast `
            + ratio.toFixed(2));
      }
      return found;
    },
  };
}
