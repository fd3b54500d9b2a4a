/*
 * Makes the pages quicker to use: what is pasted is sent at once, the time left
 * is counted down, and the page turns when the sign-in does. Without it, or when
 * a part of it fails, each page still does its work.
 */
(() => {
	"use strict";

	const POLL_SEEN = 2000; // milliseconds between two looks while the page is seen,
	const POLL_HIDDEN = 15000; // while it is not,
	const POLL_TURNING = 1000; // and while the sign-in is being finished
	const LEAVE_MAX = 30000; // milliseconds that a page may take to come in the place of this one
	const state = document.getElementById("state");
	const field = document.getElementById("address");
	let sending = false;

	/*
	 * What may hold an answer or an authorize URL, whatever programs have put around it and into it. Also an
	 * address of this computer without an answer: the server then says what happened.
	 */
	const seemsUseful = (text) => /^\s*https?:\/\/(?:localhost|127\.0\.0\.1|\[::1\])[:/]\S*\s*$/i.test(text) ||
	    /(?:^|[^a-z])(?:state|code|error|access_token|redirect_uri)(?:=|[%-](?:25)*3d|&#|&equals;|\\[ux]|\uff1d)/i.test(text);

	/* What looks like a code that stands alone. The server asks back. */
	const seemsCode = (text) => /^[\w.~+/=%#-]{8,}$/.test(text.trim()) && /\d/.test(text) && /[a-z]/i.test(text);

	/* The id of the flow that a state belongs to: see flow/flow.h. */
	const flowId = async (state) => {
		const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(state));
		return btoa(String.fromCharCode(...new Uint8Array(hash)))
		    .replaceAll("+", "-").replaceAll("/", "_").slice(0, 22);
	};

	/*
	 * The answer alone, without its address: some firewalls refuse a form that holds
	 * http://127.0.0.1. Only if nobody could read the text in another way: there is one address,
	 * it is this sign-in's, its state proves it, and it ends at the state or with the text.
	 * Everything else is left to the server: null.
	 */
	const answerAlone = async (form, text) => {
		const [, rest] = /:(\d+\/.*)$/.exec(field.dataset.redirect || "") || [];
		if (!rest || !window.crypto || !crypto.subtle)
			return null;
		const address = new RegExp("(?:^|[\\s\"'<(])(?:https?://)?(?:localhost|127\\.0\\.0\\.1|\\[::1\\]):" +
		    rest.replace(/[^\w/]/g, "\\$&") + "\\" + field.dataset.answer +
		    "([\\w.~%+/=&-]+)(?=[\\s\"'<>)#]|$)", "g");
		const found = [...text.matchAll(address)];
		if (found.length !== 1)
			return null;
		const [whole, answer] = found[0];
		const behind = text.slice(found[0].index + whole.length).trim();
		const state = (/(?:^|&)state=([^&]+)/.exec(answer) || [])[1];
		if (!state || text.split(state).length !== 2 || !/(?:^|&)(?:code|error|access_token)=/.test(answer) ||
		    (behind && !answer.endsWith("state=" + state)))
			return null;
		const given = new URLSearchParams("state=" + state).get("state");
		return await flowId(given) === form.action.split("/").pop() ? answer : null;
	};

	/* One form of a page is sent, once: a second begin would take the place of the first. */
	const watchForm = (form) => {
		const button = form.querySelector("button");
		const label = [...button.childNodes];

		form.addEventListener("submit", (event) => {
			if (sending) {
				event.preventDefault();
				return;
			}
			sending = true;
			/* later, because a button that is disabled now would send nothing */
			setTimeout(() => {
				button.disabled = true;
				if (button.dataset.busy)
					button.textContent = button.dataset.busy;
			});
		});
		/* back from the next page, as the browser had kept this one */
		addEventListener("pageshow", (event) => {
			if (!event.persisted)
				return;
			sending = false;
			button.disabled = false;
			button.replaceChildren(...label);
		});
	};

	/* Whether a text is a code and this sign-in's state, as some pages show them. */
	const isPair = async (form, text) => {
		const [, state] = /^[\w.~+/=-]+[#\s]+(\S+)$/.exec(text.trim()) || [];
		return Boolean(state) && Boolean(window.crypto && crypto.subtle) &&
		    await flowId(state) === form.action.split("/").pop();
	};

	/* A text without the line ends of a narrow window, if each line is surely part of one address. */
	const joinLines = (text) => {
		const lines = text.trim().split(/[ \t]*[\r\n]+[ \t│|]*/);
		const one = /^https?:\/\/\S+$/i.test(lines[0]) && lines.slice(1).every((line) => /^[^\s/]*[&=%]\S*$/.test(line));
		return one ? lines.join("") : text;
	};

	/* Sends a text in the place of what the box holds, which would lose its line ends. */
	const send = async (form, text) => {
		const carrier = document.createElement("input");
		const joined = joinLines(text);
		let answer = null;
		try {
			answer = await answerAlone(form, joined);
		} catch {
			/* the whole text does as well */
		}
		if (sending)
			return;
		carrier.type = "hidden";
		carrier.name = field.name;
		carrier.value = answer || ("adopt" in form.dataset ? joined : text);
		field.removeAttribute("name");
		form.append(carrier);
		form.requestSubmit();
		addEventListener("pageshow", (event) => {
			if (event.persisted && carrier.isConnected) {
				field.name = carrier.name;
				carrier.remove();
			}
		});
	};

	const sendWhatIsPasted = (form) => {
		if (!form.requestSubmit)
			return;
		field.addEventListener("paste", (event) => {
			const plain = event.clipboardData ? event.clipboardData.getData("text/plain") : "";
			/* behind the text of a link there may be an address, behind a code only how it looks */
			const rich = event.clipboardData && !seemsCode(plain) && !("typed" in field.dataset)
			    ? event.clipboardData.getData("text/html") : "";
			const text = [plain, rich].find(seemsUseful);
			if (text) {
				event.preventDefault();
				field.value = plain.trim().replace(/\s+/g, " ");
				send(form, text);
			}
		});
		field.addEventListener("input", (event) => {
			const pasted = event.inputType === "insertFromPaste" || event.inputType === "insertFromDrop";
			if (pasted && seemsUseful(field.value))
				send(form, field.value);
		});
	};

	const addClipboardButton = (form) => {
		const line = document.createElement("p");
		const button = document.createElement("button");
		const note = document.createElement("span");

		button.type = "button";
		button.className = "button quiet";
		button.textContent = "Paste from clipboard";
		note.className = "hint";
		note.setAttribute("role", "status");
		button.addEventListener("click", async () => {
			try {
				const text = await navigator.clipboard.readText();
				const adopt = "adopt" in form.dataset;
				if ("typed" in field.dataset) {
					/* it may be anything: the user looks at it first */
					field.value = text.trim().replace(/\s+/g, " ");
					note.textContent = "If this is the code, press Finish.";
					field.focus();
				} else if (seemsUseful(text) || (!adopt && seemsCode(text)) || await isPair(form, text)) {
					note.textContent = "";
					field.value = text.trim().replace(/\s+/g, " ");
					send(form, text);
				} else {
					note.textContent = "The clipboard holds no such address yet: copy that " +
					    (adopt ? "which the terminal printed." : "of the tab that failed to load.");
				}
			} catch {
				note.textContent = "The browser did not allow that: paste into the box instead.";
				field.focus();
			}
		});
		line.className = "clipboard";
		line.append(button, " ", note);
		form.after(line);
	};

	/* The values that a question has now; of a box to tick, "true" or "false". */
	const valuesOf = (form, key) => [...form.elements].flatMap((field) => {
		const one = field.name === "input." + key;
		if (field.disabled || !(one || /^\d+$/.test(field.name.replace("pick." + key + ".", ""))))
			return [];
		if (field.type !== "checkbox" || field.checked)
			return [field.value];
		return one ? ["false"] : [];
	});

	/* A question that depends on another one is asked, and sent, only while its condition holds. */
	const watchQuestions = (form) => {
		const questions = form.querySelectorAll("[data-when]");
		const update = () => {
			for (const question of questions) {
				const holds = valuesOf(form, question.dataset.when).includes(question.dataset.is);
				question.hidden = !holds;
				for (const field of question.querySelectorAll("input, select"))
					field.disabled = !holds;
			}
		};

		for (const condition of form.querySelectorAll("[data-when] .when"))
			condition.hidden = true;
		form.addEventListener("input", update);
		/* again once the browser has put back what was filled in before */
		addEventListener("pageshow", update);
		update();
	};

	/* An answer behind the # of this page's address: only here it can be seen. */
	const offerFragment = () => {
		const forms = document.querySelectorAll("form[data-fragment]");

		if (!/[#&](access_token|error)=./.test(location.hash))
			return;
		for (const form of forms) {
			form.elements.address.value = location.href;
			form.hidden = false;
		}
		for (const instead of document.querySelectorAll("[data-no-fragment]"))
			instead.hidden = true;
	};

	/*
	 * What this browser writes into a tab that nothing answers, in English: the title of the tab, one line in bold,
	 * one below it. Browsers that are not among these keep the words of no browser.
	 */
	const deadTabWords = (agent, host) => {
		const name = host.replace(/:\d+$/, "");
		const apple = /iPhone|iPad|Macintosh/.test(agent);

		if (/Samsung|FxiOS|YaBrowser|UCBrowser|; wv\)/.test(agent))
			return null;
		if (/Edg(?:A|iOS)?\//.test(agent))
			return [name, "Hmmm… can't reach this page", name + " refused to connect.\nERR_CONNECTION_REFUSED"];
		if (/Firefox\//.test(agent))
			return ["Problem loading page", "Unable to connect",
			    /Android/.test(agent) ? "The site could be temporarily unavailable or too busy."
				: "Firefox can’t establish a connection to the server at " + host + "."];
		if (/Chrome\/|CriOS\//.test(agent))
			return [name, "This site can’t be reached", name + " refused to connect.\nERR_CONNECTION_REFUSED"];
		if (!apple || !/Version\/.*Safari\//.test(agent))
			return null;
		if (isPhone(agent))
			return ["", "Safari can’t open the page", "because it couldn’t connect to the server."];
		return ["Failed to open page", "Safari Can’t Connect to the Server",
		    "Safari can’t open the page because Safari can’t connect to the server “" + name + "”."];
	};

	/* An iPad says that it is a Macintosh, which has no touch screen. */
	const isPhone = (agent) => /iPhone|iPad|Android/.test(agent) ||
	    (/Macintosh/.test(agent) && navigator.maxTouchPoints > 1);

	/* How one gets at the whole address of a tab, where that is not plain. */
	const addressTip = (agent) => {
		if (/Android/.test(agent) && !/Firefox/.test(agent))
			return "Tap the address, then the copy icon beside it.";
		if (isPhone(agent))
			return "Touch and hold the address, then choose Copy.";
		if (/Macintosh.*Version\/.*Safari\//.test(agent))
			return "Safari may show only its first part: click the address, then all of it is there to copy.";
		return "";
	};

	/* The drawing of the dead tab as this browser would show it. */
	const drawAsHere = (drawing) => {
		const agent = navigator.userAgent;
		const [title, bold, below] = ["top span", "page strong", "page span"].map((part) =>
		    drawing.querySelector(".tab-" + part));
		const tip = document.querySelector(".tab-tip");
		const words = deadTabWords(agent, drawing.dataset.host);
		const says = words && navigator.language.startsWith("en") ? "" : tip.textContent;

		if (words) {
			drawing.setAttribute("aria-label", drawing.getAttribute("aria-label").replace(bold.textContent, words[1]));
			[title.textContent, bold.textContent, below.textContent] = words;
		}
		drawing.classList.toggle("phone", isPhone(agent));
		tip.textContent = [addressTip(agent), says].filter(Boolean).join(" ");
	};

	/* The page as the server has it now. Not reload(), which would send a form again. */
	const turn = () => location.replace(location.pathname);

	const minutes = (seconds) => Math.floor(seconds / 60) + ":" + String(seconds % 60).padStart(2, "0");

	const watchState = () => {
		const clock = document.getElementById("clock");
		const status = document.getElementById("status");
		const waiting = state.dataset.state === "waiting";
		let ends = Date.now() + Number(state.dataset.expiresIn) * 1000;
		let warned = false;
		let leaving = 0;
		let timer;

		const tick = () => {
			const left = Math.max(0, Math.ceil((ends - Date.now()) / 1000));
			clock.textContent = left > 0 ? "Expires in " + minutes(left) : "Expires now";
			if (left <= 60 && left > 0 && !warned) {
				warned = true;
				status.textContent = "Less than a minute left";
			}
		};
		const wait = () => {
			clearTimeout(timer);
			timer = setTimeout(look, document.hidden ? POLL_HIDDEN : waiting ? POLL_SEEN : POLL_TURNING);
		};
		const look = async () => {
			clearTimeout(timer);
			try {
				const answer = await fetch(state.dataset.statusUrl, {cache: "no-store"});
				/* 400: not known any more; the page itself says why */
				const now = answer.ok ? await answer.json() : {state: answer.status === 400 ? "gone" : ""};
				const going = Date.now() - leaving < LEAVE_MAX;
				if (now.state && now.state !== state.dataset.state && !sending && !going) {
					turn();
					return;
				}
				if (waiting && typeof now.expires_in === "number")
					ends = Date.now() + now.expires_in * 1000;
			} catch {
				/* the server or the way to it is away for a moment: look again later */
			}
			wait();
		};

		if (waiting && clock) {
			clock.setAttribute("role", "timer");
			tick();
			setInterval(tick, 1000);
		}
		/* this tab is on its way to the provider, or back already: to turn now would stop that */
		addEventListener("beforeunload", () => {
			leaving = Date.now();
		});
		document.addEventListener("visibilitychange", () => {
			if (!document.hidden)
				look();
		});
		addEventListener("pageshow", (event) => {
			if (event.persisted) {
				leaving = 0;
				look();
			}
		});
		wait();
	};

	document.querySelectorAll("form").forEach(watchForm);
	document.querySelectorAll(".tab").forEach(drawAsHere);
	if (field) {
		sendWhatIsPasted(field.form);
		if (navigator.clipboard && navigator.clipboard.readText && field.form.requestSubmit)
			addClipboardButton(field.form);
	}
	document.querySelectorAll("form[data-method]").forEach(watchQuestions);
	offerFragment();
	if (state && state.dataset.statusUrl)
		watchState();
})();
