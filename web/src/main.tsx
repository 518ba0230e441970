import "uplot/dist/uPlot.min.css";
import "./style.css";
import { render } from "preact";
import { App } from "./app";
import { listen } from "./live";

render(<App />, document.getElementById("app")!);
void listen();
