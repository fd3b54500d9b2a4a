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

	/* Something with a query or a fragment that holds name=value, or a query alone. */
	const looksLikeAddress = (text) => {
		const bare = text.trim();
		return /^\S+$/.test(bare) && (/[?#][^=]+=./.test(bare) ||
		    (/(^|&)state=./.test(bare) && /(^|&)(code|error)=./.test(bare)));
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

	/* Browsers make blanks of line ends; those of a narrow terminal stand inside an address. */
	const joinLines = (text) => text.trim().replace(/[ \t]*[\r\n]+[ \t│|]*/g, "");

	const sendWhatIsPasted = (form) => {
		field.addEventListener("paste", (event) => {
			const text = event.clipboardData ? event.clipboardData.getData("text/plain") : "";
			const joined = joinLines(text);
			if (/[\r\n]/.test(text.trim()) && looksLikeAddress(joined) && form.requestSubmit) {
				event.preventDefault();
				field.value = joined;
				form.requestSubmit();
			}
		});
		field.addEventListener("input", (event) => {
			const pasted = event.inputType === "insertFromPaste" || event.inputType === "insertFromDrop";
			if (pasted && looksLikeAddress(field.value) && form.requestSubmit)
				form.requestSubmit();
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
				const text = joinLines(await navigator.clipboard.readText());
				if (looksLikeAddress(text)) {
					note.textContent = "";
					field.value = text;
					form.requestSubmit();
				} else {
					note.textContent = "The clipboard holds no such address yet: copy that " +
					    ("adopt" in form.dataset ? "which the terminal printed."
						: "of the tab that failed to load.");
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
